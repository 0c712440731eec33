/** The embedded SQLite adapters of CIM for TypeScript. */

export { backUpDatabase } from './database-backup.ts'
export type { EventStoreAudit, EventStoreAuditOptions, EventStoreProblem } from './event-store-audit.ts'
export { FileLock } from './file-lock.ts'
export { SqliteEventStore, type SqliteEventStoreOptions } from './sqlite-event-store.ts'
export { SqliteViewStore, type SqliteViewStoreOptions } from './sqlite-view-store.ts'
