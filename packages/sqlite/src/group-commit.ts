/** Lets everything that is written in one turn of the event loop share one transaction, and so one wait for the disk. */

import type { DatabaseSync } from 'node:sqlite'
import { isCimError, StoreClosedError, StoreUnavailableError } from '@cim/core'
import { isFaultOfWork } from './sqlite-errors.ts'

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
  /** True when a group that it was in failed, for which it may be to blame: it then has a transaction of its own. */
  readonly isAlone?: boolean
}

/** A larger crowd is committed in several groups, so that nobody waits for all. */
const mostWorksPerGroup = 1000
const largestGroup = 10_000

/**
 * Collects work and commits it in groups. Work that throws an error of this project is rejected alone, and must not have
 * written anything. After any other error nothing of the group is stored: when the work is to blame, each work of the group
 * runs again in a transaction of its own, so that the faulty one is rejected alone; otherwise all of them are rejected.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  #queue: Work[] = []
  #isScheduled = false
  #refusal: Error | undefined
  /** False after a failure that could not be undone. */
  #canUndo = true

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
      this.#schedule()
    })
  }

  /** Commits what is waiting, and accepts nothing more. */
  close(): void {
    this.#refusal ??= new StoreClosedError('The event store is closed. Open a new one.')
    while (this.#queue.length > 0) this.#flush()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#refusal !== undefined) return
    this.#isScheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#isScheduled = false
    if (this.#queue.length === 0) return
    const group = this.#queue.splice(0, this.#groupLength())
    if (this.#queue.length > 0) this.#schedule()
    this.#commit(group)
  }

  #groupLength(): number {
    const most = Math.min(this.#queue.length, mostWorksPerGroup)
    if (this.#queue[0]?.isAlone === true) return 1
    let length = 0
    for (let size = 0; length < most && (length === 0 || size < largestGroup); length++) {
      size += this.#queue[length]?.size ?? 0
    }
    return length
  }

  #commit(group: readonly Work[]): void {
    const { database, beforeCommit, afterCommit, afterRollback, toError } = this.#options
    const outcomes: (() => void)[] = []
    let isWorking = false
    try {
      database.exec('BEGIN IMMEDIATE')
      isWorking = true
      for (const work of group) outcomes.push(perform(work))
      isWorking = false
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
      if (isWorking && group.length > 1 && this.#canUndo && isFaultOfWork(error)) {
        this.#queue.unshift(...group.map((work) => ({ ...work, isAlone: true })))
        this.#schedule()
      } else {
        for (const { reject } of group) reject(failure)
      }
      return
    }
    afterCommit()
    for (const tell of outcomes) tell()
  }

  /** What memory holds can no longer be trusted to match the file: refuses everything from here on. */
  #giveUp(refusal: StoreUnavailableError): void {
    this.#refusal = refusal
    this.#canUndo = false
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
