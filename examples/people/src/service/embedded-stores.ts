/** Opens the embedded stores: files in one folder, which belong to one process. */

import { join } from 'node:path'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { makeDataFolder } from './data-folder.ts'
import type { ServiceStores } from './service-stores.ts'

/**
 * @throws {DataFolderError} when the folder cannot be made or used
 * @throws {StoreLockedError} when another process uses it
 */
export async function openEmbeddedStores(dataFolder: string): Promise<ServiceStores> {
  await using opened = new AsyncDisposableStack()
  makeDataFolder(dataFolder)
  const eventStore = opened.use(new SqliteEventStore({ path: join(dataFolder, 'events.sqlite') }))
  const viewStore = opened.use(new SqliteViewStore({ path: join(dataFolder, 'views.sqlite') }))
  const all = opened.move()
  return {
    options: { eventStore, viewStore, snapshotStore: eventStore.snapshotStore },
    failed: new Promise(() => undefined),
    serve: async () => undefined,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
