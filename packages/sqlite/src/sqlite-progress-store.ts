/** The progress of processors, in the file of the view store. */

import type { StatementSync } from 'node:sqlite'
import {
  type ClaimRequest,
  checkDeadLetterFilter,
  checkDiscard,
  checkWholeNumber,
  type DeadLetterCounts,
  type DeadLetterFilter,
  type DeadLetterPage,
  DeadLettersChangedError,
  type DiscardedDeadLetter,
  type DiscardOptions,
  type ProcessorClaim,
  ProcessorOwnedError,
  type ProcessorProgress,
  type ProgressSave,
  type ProgressStore,
  type Signal,
  StaleCheckpointError,
  StaleOwnerError,
} from '@cim/core'
import { type ClaimHolder, hasEnded, thisProcess } from './claim-holder.ts'
import { DeadLetterTables } from './dead-letter-tables.ts'
import { type PreparedStatements, prepareForRecords } from './prepared-statements.ts'
import { type ProcessorRow, toProgress } from './processor-row.ts'
import { progressSql } from './progress-sql.ts'
import type { HeldClaims, ViewDatabase } from './view-database.ts'

/**
 * Keeps progress beside the views, so that one transaction saves both. Several processes may have the file open: a claim is
 * free again at once when its process has ended on this machine, and when its store is closed.
 */
export class SqliteProgressStore implements ProgressStore, HeldClaims {
  readonly #database: ViewDatabase
  readonly #write: PreparedStatements<typeof progressSql>
  readonly #selectCommitted: StatementSync
  readonly #deadLetters: DeadLetterTables
  readonly #self: ClaimHolder = thisProcess()
  /** What was claimed here, by processor. */
  readonly #given = new Map<string, ProcessorClaim>()

  constructor(database: ViewDatabase) {
    this.#database = database
    this.#write = prepareForRecords(database.writer, progressSql)
    this.#selectCommitted = database.reader.prepare(progressSql.select)
    this.#deadLetters = new DeadLetterTables(database)
  }

  get committed(): Signal {
    return this.#database.committed
  }

  async claimProcessor(processorName: string, request: ClaimRequest): Promise<ProcessorClaim | undefined> {
    const { owner, now, leaseMs, startPosition = 0 } = request
    const claimIt = (): ProcessorClaim | undefined => {
      if (!this.#isFree(this.#make(processorName), now, owner)) return undefined
      if (startPosition > 0) this.#write.begin.run(startPosition, processorName)
      const { machine, processId, processStart } = this.#self
      const claimed = this.#write.claim.get(owner, now + leaseMs, machine, processId, processStart, processorName)
      const { epoch } = claimed as { readonly epoch: number }
      const claim = { processorName, epoch }
      this.#given.set(processorName, claim)
      return claim
    }
    return this.#change('claiming a processor', claimIt, (claim) => claim !== undefined)
  }

  async renewClaim({ processorName, epoch }: ProcessorClaim, leaseUntil: number): Promise<ProcessorProgress> {
    return this.#database.transact('renewing a claim', () => {
      const renewed = this.#write.renew.get(leaseUntil, processorName, epoch)
      if (renewed === undefined) throw new StaleOwnerError(processorName, epoch, this.#find(processorName)?.epoch ?? 0)
      return toProgress(renewed as unknown as ProcessorRow)
    })
  }

  async releaseClaim({ processorName, epoch }: ProcessorClaim): Promise<void> {
    const release = (): boolean => {
      if (this.#given.get(processorName)?.epoch === epoch) this.#given.delete(processorName)
      return Number(this.#write.release.run(processorName, epoch).changes) > 0
    }
    await this.#change('releasing a claim', release, (isReleased) => isReleased)
  }

  async readProgress(processorName: string): Promise<ProcessorProgress | undefined> {
    const row = this.#database.read(() => this.#selectCommitted.get(processorName))
    return row === undefined ? undefined : toProgress(row as unknown as ProcessorRow)
  }

  async saveProgress(save: ProgressSave): Promise<void> {
    await this.#change('saving progress', () => this.apply(save))
  }

  /** Inside a transaction: makes a step, or throws why not. */
  apply({ claim, expectedPosition, expectedRevision, position, seen, leaseUntil, deadLetters }: ProgressSave): void {
    const { processorName, epoch } = claim
    const { count, checksum } = seen
    const expected = [processorName, epoch, expectedPosition, expectedRevision] as const
    const { changes } = this.#write.save.run(position, count, checksum, leaseUntil, ...expected)
    if (Number(changes) === 1) {
      this.#deadLetters.apply(processorName, deadLetters)
      return
    }
    const actual = this.#find(processorName)
    if (actual?.epoch !== epoch) throw new StaleOwnerError(processorName, epoch, actual?.epoch ?? 0)
    if (actual.position !== expectedPosition) {
      throw new StaleCheckpointError(processorName, expectedPosition, actual.position)
    }
    throw new DeadLettersChangedError(processorName, expectedRevision, actual.revision)
  }

  async setPaused(processorName: string, isPaused: boolean): Promise<void> {
    await this.#change('pausing a processor', () => {
      this.#make(processorName)
      this.#write.setPaused.run(isPaused ? 1 : 0, processorName)
    })
  }

  async moveProgress(processorName: string, position: number, now: number): Promise<void> {
    checkWholeNumber('moveProgress', 'position', position, { least: 0 })
    await this.#change('moving a processor', () => {
      const row = this.#make(processorName)
      if (row.owner !== null && !this.#isFree(row, now)) throw new ProcessorOwnedError(processorName, row.owner)
      this.#write.move.run(position, processorName)
      this.#deadLetters.clear(processorName)
    })
  }

  /** Inside a transaction: deletes all that is known of a processor but its epoch, so that what its owner saves late is refused. */
  forget(processorName: string): void {
    this.#write.forget.run(processorName)
    this.#deadLetters.clear(processorName)
    this.#deadLetters.clearDiscarded(processorName)
  }

  /** Tells whether something was claimed here and is not given back. */
  get hasClaims(): boolean {
    return this.#given.size > 0
  }

  /** Inside a transaction: gives back whatever was claimed here. */
  releaseAll(): void {
    for (const { processorName, epoch } of this.#given.values()) this.#write.release.run(processorName, epoch)
  }

  async listDeadLetters(
    processorName: string,
    options?: { readonly filter?: DeadLetterFilter; readonly after?: string; readonly limit?: number },
  ): Promise<DeadLetterPage> {
    return this.#deadLetters.list(processorName, options)
  }

  async countDeadLetters(processorName: string): Promise<DeadLetterCounts> {
    return this.#deadLetters.count(processorName)
  }

  async retryDeadLetters(processorName: string, filter: DeadLetterFilter, now: number): Promise<number> {
    const checked = checkDeadLetterFilter(filter)
    return this.#revise(processorName, () => this.#deadLetters.retry(processorName, checked, now))
  }

  async discardDeadLetters(processorName: string, filter: DeadLetterFilter, options: DiscardOptions): Promise<number> {
    const checked = checkDeadLetterFilter(filter)
    checkDiscard(options)
    return this.#revise(processorName, () => this.#deadLetters.discard(processorName, checked, options))
  }

  async listDiscarded(processorName: string, limit?: number): Promise<readonly DiscardedDeadLetter[]> {
    return this.#deadLetters.listDiscarded(processorName, limit)
  }

  /** @param owner who may ask again while it has the claim */
  #isFree(row: ProcessorRow, now: number, owner?: string): boolean {
    if (row.owner === null || row.owner === owner || row.lease_until <= now) return true
    const { owner_machine: machine, owner_process: processId, owner_process_start: processStart } = row
    if (machine === null || processId === null || processStart === null) return false
    return hasEnded({ machine, processId, processStart }, this.#self)
  }

  async #revise(processorName: string, change: () => number): Promise<number> {
    const revise = (): number => {
      const count = change()
      if (count > 0) this.#write.riseRevision.run(processorName)
      return count
    }
    return this.#change('changing dead letters', revise, (count) => count > 0)
  }

  /** Tells everyone who waits, when something was changed. */
  async #change<TResult>(
    doing: string,
    work: () => TResult,
    hasChanged: (result: TResult) => boolean = () => true,
  ): Promise<TResult> {
    const result = await this.#database.transact(doing, work)
    if (hasChanged(result)) this.committed.notify()
    return result
  }

  #find(processorName: string): ProcessorRow | undefined {
    return this.#write.select.get(processorName) as ProcessorRow | undefined
  }

  #make(processorName: string): ProcessorRow {
    this.#write.insert.run(processorName)
    return this.#find(processorName) as ProcessorRow
  }
}
