/** The embedded SQLite adapters of CIM for TypeScript. */

export { SqliteEventStore, type SqliteEventStoreOptions } from './sqlite-event-store.ts'
export { SqliteViewStore, type SqliteViewStoreOptions } from './sqlite-view-store.ts'
