/** Keeps a second process from opening the same event store. */

import { DatabaseSync } from 'node:sqlite'
import { StoreLockedError } from '@cim/core'
import { isBusy, toStoreError } from './sqlite-errors.ts'

/**
 * A lock on a file beside the database, held by the operating system: it is gone with the process, however that ends.
 * Readers, such as the sqlite3 shell, need no lock.
 */
export class FileLock implements Disposable {
  readonly #database: DatabaseSync

  /**
   * @param path the database file
   * @throws {StoreLockedError} when another process, or another store in this one, holds the lock
   */
  constructor(path: string) {
    const lockPath = `${path}-lock`
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(lockPath, { timeout: 0 })
      // A transaction that is never committed: SQLite locks the file, and the system drops the lock with the process.
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    } catch (error) {
      database?.close()
      if (!isBusy(error)) throw toStoreError(error, lockPath, 'taking the lock')
      throw new StoreLockedError(
        `SQLite file ${path}: another process has opened it as an event store (lock file ${lockPath}). Stop that process, or choose another file.`,
        { cause: error },
      )
    }
    this.#database = database
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close()
  }
}
