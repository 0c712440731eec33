/** Compares the views that a service has kept with those that its events make from the beginning. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  type Application,
  type FindOptions,
  type FoundRow,
  MemoryViewStore,
  type ProjectionDefinition,
  type ViewRow,
  type ViewStore,
  waitForPosition,
} from '@cim/core'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { createPeopleApplication } from '../application.ts'

const rowsPerRead = 10_000

/**
 * Brings the kept views up to date, as the next start of the service would, and replays all events into fresh ones.
 * @param dataFolder of a service that does not run
 * @param empty the names of the views that must have no documents
 * @throws {AssertionError} at the first document or index entry that differs
 */
export async function assertViewsEqualReplay(dataFolder: string, empty: readonly string[] = []): Promise<void> {
  await using eventStore = new SqliteEventStore({ path: join(dataFolder, 'events.sqlite') })
  await using keptStore = new SqliteViewStore({ path: join(dataFolder, 'views.sqlite') })
  await using freshStore = new MemoryViewStore()
  await using kept = createPeopleApplication({ eventStore, viewStore: keptStore })
  await using fresh = createPeopleApplication({ eventStore, viewStore: freshStore })
  await seeEverything(kept)
  await seeEverything(fresh)
  for (const view of kept.projections) {
    const documents = await allDocuments(keptStore, view)
    assert.equal(documents.length === 0, empty.includes(view.viewName), `${view.viewName} has ${documents.length}`)
    assert.deepEqual(documents, await allDocuments(freshStore, view), view.viewName)
    for (const index of Object.keys(view.indexes)) {
      const entries = await allEntries(keptStore, view, index)
      assert.deepEqual(entries, await allEntries(freshStore, view, index), `${view.viewName}.${index}`)
    }
  }
}

async function seeEverything(application: Application): Promise<void> {
  await application.start()
  const consistency = { afterPosition: await application.eventStore.headPosition(), waitMs: 60_000 }
  for (const view of application.projections) await waitForPosition(application.viewStore, view, consistency)
}

async function allDocuments(store: ViewStore, view: ProjectionDefinition): Promise<readonly ViewRow[]> {
  const rows: ViewRow[] = []
  for (let afterId = ''; ; afterId = rows.at(-1)?.id ?? '') {
    const page = await store.list(view, { afterId, limit: rowsPerRead })
    rows.push(...page)
    if (page.length < rowsPerRead) return rows
  }
}

async function allEntries(store: ViewStore, view: ProjectionDefinition, index: string): Promise<readonly unknown[]> {
  const rows: Pick<FoundRow, 'value' | 'id'>[] = []
  let options: FindOptions = { limit: rowsPerRead }
  for (;;) {
    const page = await store.find(view, index, options)
    rows.push(...page.map(({ value, id }) => ({ value, id })))
    const after = rows.at(-1)
    if (page.length < rowsPerRead || after === undefined) return rows
    options = { after, limit: rowsPerRead }
  }
}
