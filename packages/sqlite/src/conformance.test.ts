/** The SQLite adapters against the suites that every adapter runs. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventStore, ProgressStore, SnapshotStore, ViewStore } from '@cim/core'
import {
  eventStoreConformance,
  type OpenedStore,
  progressStoreConformance,
  snapshotStoreConformance,
  viewStoreConformance,
} from '@cim/testing'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'

function openInTemporaryFolder<TStore>(open: (path: string) => TStore): OpenedStore<TStore> {
  const folder = mkdtempSync(join(tmpdir(), 'cim-sqlite-'))
  const path = join(folder, 'store.db')
  return { store: open(path), reopen: () => open(path), dispose: () => rmSync(folder, { recursive: true }) }
}

eventStoreConformance('sqlite', ({ now }) =>
  openInTemporaryFolder<EventStore>((path) => new SqliteEventStore({ path, now })),
)

viewStoreConformance('sqlite', () => openInTemporaryFolder<ViewStore>((path) => new SqliteViewStore({ path })))

progressStoreConformance('sqlite', () =>
  openInTemporaryFolder<ProgressStore & AsyncDisposable>((path) => {
    // Progress lives in the file of the view store, which is what is opened and closed.
    const viewStore = new SqliteViewStore({ path })
    return Object.assign(viewStore.progressStore, { [Symbol.asyncDispose]: () => viewStore.close() })
  }),
)

snapshotStoreConformance('sqlite', ({ now }) =>
  openInTemporaryFolder<SnapshotStore & AsyncDisposable>((path) => {
    // Snapshots live in the file of the event store, which is what is opened and closed.
    const eventStore = new SqliteEventStore({ path, now })
    const { snapshotStore } = eventStore
    return {
      loadSnapshot: (aggregate, fingerprint) => snapshotStore.loadSnapshot(aggregate, fingerprint),
      saveSnapshot: (aggregate, snapshot) => snapshotStore.saveSnapshot(aggregate, snapshot),
      [Symbol.asyncDispose]: () => eventStore.close(),
    }
  }),
)
