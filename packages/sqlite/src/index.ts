/** The embedded SQLite adapters of CIM for TypeScript. */

export { SqliteEventStore, type SqliteEventStoreOptions } from './sqlite-event-store.ts'
