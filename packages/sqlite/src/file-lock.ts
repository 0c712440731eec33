/** Keeps a second process from using the same files. */

import { DatabaseSync } from 'node:sqlite'
import { StoreLockedError } from '@cim/core'
import { isBusy, toStoreError } from './sqlite-errors.ts'

/**
 * A lock on a file, held by the operating system: it is gone with the process, however that ends.
 * Readers, such as the sqlite3 shell, need no lock.
 */
export class FileLock implements Disposable {
  readonly #database: DatabaseSync

  /**
   * @param lockPath a file of its own beside what is locked; it is made when it does not exist, and stays
   * @param refusal says in the error what is in use, and what to do
   * @throws {StoreLockedError} when another process, or somebody else in this one, holds the lock
   */
  constructor(lockPath: string, refusal: string) {
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(lockPath, { timeout: 0 })
      // A transaction that is never committed: SQLite locks the file, and the system drops the lock with the process.
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    } catch (error) {
      database?.close()
      if (!isBusy(error)) throw toStoreError(error, lockPath, 'taking the lock')
      throw new StoreLockedError(refusal, { cause: error })
    }
    this.#database = database
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close()
  }
}
