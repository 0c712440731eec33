/** Lets everything that is written in one turn of the event loop share one transaction, and so one wait for the disk. */

import type { DatabaseSync } from 'node:sqlite'
import { isCimError, StoreClosedError, StoreUnavailableError } from '@cim/core'

/** What {@link GroupCommit} needs. */
export interface GroupCommitOptions {
  readonly database: DatabaseSync
  /** Runs inside the transaction, after all work of the group. */
  readonly beforeCommit: () => void
  /** Runs after a group is durable, before its callers are told. */
  readonly afterCommit: () => void
  /** Runs after a group was rolled back: whatever the work changed in memory must be read anew. */
  readonly afterRollback: () => void
  readonly toError: (error: unknown) => Error
}

interface Work {
  readonly size: number
  readonly run: () => unknown
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
}

/** A larger crowd is committed in several groups, so that nobody waits for all. */
const mostWorksPerGroup = 1000
const largestGroup = 10_000

/**
 * Collects work and commits it in groups. Work that throws an error of this project is rejected alone, and must not have
 * written anything; any other error fails the whole group, of which then nothing is stored.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  #queue: Work[] = []
  #isScheduled = false
  #refusal: Error | undefined

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /**
   * Nothing may be read or written any more when it throws.
   * @throws {StoreClosedError} after {@link close}
   * @throws {StoreUnavailableError} when memory may not agree with the file, after a failure that could not be undone
   */
  assertUsable(): void {
    if (this.#refusal !== undefined) throw this.#refusal
  }

  /**
   * @param run writes, synchronously, inside a transaction
   * @param size how many rows it writes, about
   * @returns what it gave, once that is durable
   */
  enqueue<TResult>(run: () => TResult, size = 1): Promise<TResult> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal)
    return new Promise<TResult>((resolve, reject) => {
      this.#queue.push({ size, run, resolve: resolve as (result: never) => void, reject })
      if (this.#isScheduled) return
      this.#isScheduled = true
      setImmediate(() => this.#flush())
    })
  }

  /** Commits what is waiting, and accepts nothing more. */
  close(): void {
    this.#refusal ??= new StoreClosedError('The event store is closed. Open a new one.')
    while (this.#queue.length > 0) this.#flush()
  }

  #flush(): void {
    this.#isScheduled = false
    if (this.#queue.length === 0) return
    const group = this.#queue.splice(0, this.#groupLength())
    if (this.#queue.length > 0 && this.#refusal === undefined) {
      this.#isScheduled = true
      setImmediate(() => this.#flush())
    }
    this.#commit(group)
  }

  #groupLength(): number {
    const most = Math.min(this.#queue.length, mostWorksPerGroup)
    let length = 0
    for (let size = 0; length < most && (length === 0 || size < largestGroup); length++) {
      size += this.#queue[length]?.size ?? 0
    }
    return length
  }

  #commit(group: readonly Work[]): void {
    const { database, beforeCommit, afterCommit, afterRollback, toError } = this.#options
    const outcomes: (() => void)[] = []
    try {
      database.exec('BEGIN IMMEDIATE')
      for (const work of group) outcomes.push(perform(work))
      beforeCommit()
      database.exec('COMMIT')
    } catch (error) {
      const failure = toError(error)
      try {
        if (database.isTransaction) database.exec('ROLLBACK')
        afterRollback()
      } catch (cause) {
        const message = `${failure.message} Neither could it be undone; open the store anew.`
        this.#giveUp(new StoreUnavailableError(message, { cause }))
      }
      for (const { reject } of group) reject(failure)
      return
    }
    afterCommit()
    for (const tell of outcomes) tell()
  }

  /** What memory holds can no longer be trusted to match the file: refuses everything from here on. */
  #giveUp(refusal: StoreUnavailableError): void {
    this.#refusal = refusal
    for (const { reject } of this.#queue.splice(0)) reject(refusal)
  }
}

function perform({ run, resolve, reject }: Work): () => void {
  try {
    const result = run()
    return () => resolve(result as never)
  } catch (error) {
    if (!isCimError(error)) throw error
    return () => reject(error)
  }
}
