/** Compares the views that a service has kept with those that its events make from the beginning. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  type Application,
  type ApplicationOptions,
  type FindOptions,
  type FoundRow,
  MemoryViewStore,
  type ViewDefinition,
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
  await assertAllEqualReplay({ eventStore }, [keptStore], empty)
}

/**
 * As {@link assertViewsEqualReplay}, for services that share what they do and have views of their own.
 * @param shared what they share
 * @param keptStores the views of each
 */
export async function assertAllEqualReplay(
  shared: Pick<ApplicationOptions, 'eventStore' | 'progressStore'>,
  keptStores: readonly ViewStore[],
  empty: readonly string[] = [],
): Promise<void> {
  await using freshStore = new MemoryViewStore()
  await using fresh = createPeopleApplication({ ...shared, viewStore: freshStore })
  await seeEverything(fresh)
  for (const keptStore of keptStores) {
    await using kept = createPeopleApplication({ ...shared, viewStore: keptStore })
    await seeEverything(kept)
    for (const projection of kept.projections) {
      // Another build may have been promoted.
      const view = await kept.viewBuilds.liveView(projection, { waitMs: 0 })
      const documents = await allDocuments(keptStore, view)
      assert.equal(documents.length === 0, empty.includes(view.viewName), `${view.viewName} has ${documents.length}`)
      assert.deepEqual(documents, await allDocuments(freshStore, projection), view.viewName)
      for (const index of Object.keys(view.indexes)) {
        const entries = await allEntries(keptStore, view, index)
        assert.deepEqual(entries, await allEntries(freshStore, projection, index), `${view.viewName}.${index}`)
      }
    }
  }
}

async function seeEverything(application: Application): Promise<void> {
  await application.start()
  const consistency = { afterPosition: await application.eventStore.headPosition(), waitMs: 60_000 }
  for (const projection of application.projections) {
    const view = await application.viewBuilds.liveView(projection, { waitMs: consistency.waitMs })
    await waitForPosition(application.viewStore, view, consistency)
  }
}

async function allDocuments(store: ViewStore, view: ViewDefinition): Promise<readonly ViewRow[]> {
  const rows: ViewRow[] = []
  for (let afterId = ''; ; afterId = rows.at(-1)?.id ?? '') {
    const page = await store.list(view, { afterId, limit: rowsPerRead })
    rows.push(...page)
    if (page.length < rowsPerRead) return rows
  }
}

async function allEntries(store: ViewStore, view: ViewDefinition, index: string): Promise<readonly unknown[]> {
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
