/** The file of a view store, which its views and the progress of its processors share. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { Signal, StoreClosedError } from '@cim/core'
import { type DatabaseFileOptions, openDatabaseFile } from './database-file.ts'
import { viewStoreMigrations } from './migrations.ts'
import { allowReadingOnly } from './plain-sql.ts'
import { isBusy, toStoreError } from './sqlite-errors.ts'

/** "CIMV" in the file's header. */
const applicationId = 0x43494d56
/** How long a commit of another process is waited for. */
const mostWaitMs = 5000
const waitMs = 5

/** What a store gives back when it is closed. */
export interface HeldClaims {
  readonly hasClaims: boolean
  /** Inside a transaction. */
  releaseAll(): void
}

/**
 * One connection that writes, one transaction after the other, and one that reads: it never sees a transaction half done.
 */
export class ViewDatabase {
  /** Is notified after each change in this process. */
  readonly committed: Signal = new Signal()
  readonly path: string
  readonly reader: DatabaseSync
  readonly writer: DatabaseSync
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  #isClosed = false
  /** Settles when everything that was asked to be written is. */
  #writes: Promise<unknown> = Promise.resolve()

  /**
   * Opens the file, and makes or migrates its schema.
   * @param path absolute
   * @throws {StoreCorruptError} when it is damaged or no database
   * @throws {StoreVersionError} when it holds something else, or was written by a newer version
   * @throws {StoreUnavailableError} when it cannot be opened or written
   */
  constructor(path: string, cacheMegabytes: number) {
    this.path = path
    const file: DatabaseFileOptions = {
      path,
      applicationId,
      kind: 'a view store',
      migrations: viewStoreMigrations,
      synchronous: 'NORMAL',
      cacheMegabytes: cacheMegabytes / 2,
    }
    this.writer = openDatabaseFile(file)
    try {
      // Another writer is waited for between turns of the event loop: it may be in this process.
      this.writer.exec('PRAGMA busy_timeout = 0')
      this.#begin = this.writer.prepare('BEGIN IMMEDIATE')
      this.#commit = this.writer.prepare('COMMIT')
      this.reader = openDatabaseFile(file)
      allowReadingOnly(this.reader)
    } catch (error) {
      this.writer.close()
      throw toStoreError(error, path, 'opening')
    }
  }

  /** @throws {StoreClosedError} when the store is closed */
  read<TResult>(read: () => TResult): TResult {
    this.assertOpen()
    try {
      return read()
    } catch (error) {
      throw toStoreError(error, this.path, 'reading')
    }
  }

  /**
   * Runs work in a transaction of its own, after everything that was asked for before.
   * @param doing what it is, for messages
   * @param work nothing of it is stored when it throws
   * @param afterCommit runs before anything else is written
   * @throws {StoreClosedError} when the store is closed
   */
  async transact<TResult>(
    doing: string,
    work: () => TResult | Promise<TResult>,
    afterCommit: (result: TResult) => void = () => undefined,
  ): Promise<TResult> {
    this.assertOpen()
    return this.#enqueue(doing, async () => {
      const result = await this.#run(work)
      afterCommit(result)
      return result
    })
  }

  /**
   * Finishes what was asked for, and releases the file.
   * @param claims what is to be given back; when that fails, they end by themselves
   */
  async close(claims: HeldClaims): Promise<void> {
    this.#isClosed = true
    await this.#writes
    if (claims.hasClaims) await this.#run(() => claims.releaseAll()).catch(() => undefined)
    try {
      this.reader.close()
    } finally {
      // The last connection to close moves the write-ahead log into the file.
      this.writer.close()
      this.committed.notify()
    }
  }

  assertOpen(): void {
    if (this.#isClosed) throw new StoreClosedError('The view store is closed. Open a new one.')
  }

  async #enqueue<TResult>(doing: string, write: () => Promise<TResult>): Promise<TResult> {
    const written = this.#writes.then(write)
    this.#writes = written.catch(() => undefined)
    try {
      return await written
    } catch (error) {
      throw toStoreError(error, this.path, doing)
    }
  }

  async #run<TResult>(work: () => TResult | Promise<TResult>): Promise<TResult> {
    await this.#beginWriting()
    try {
      const result = await work()
      this.#commit.run()
      return result
    } catch (error) {
      if (this.writer.isTransaction) this.writer.exec('ROLLBACK')
      throw error
    }
  }

  async #beginWriting(): Promise<void> {
    for (const start = performance.now(); ; await delay(waitMs)) {
      try {
        this.#begin.run()
        return
      } catch (error) {
        if (!isBusy(error) || performance.now() - start > mostWaitMs) throw error
      }
    }
  }
}
