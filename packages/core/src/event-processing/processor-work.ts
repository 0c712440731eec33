/** What the owner of a processor does: processes batches, tries again what is held back, and saves. */

import { hasErrorCode } from '../errors/cim-error.ts'
import { DeadLettersChangedError } from '../errors/processing-errors.ts'
import { CheckpointAheadError, StoreCorruptError } from '../errors/store-errors.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventBatch } from '../event-store/event-store.ts'
import { type SubjectMatcher, subjectMatcher } from '../event-store/subject-pattern.ts'
import type { DeadLetterSequence } from './dead-letter.ts'
import type { EventFailure, EventProcessor, ProcessContext, ProcessResult } from './event-processor.ts'
import { HeldEvents } from './held-events.ts'
import type { ProcessorGauge } from './processor-gauge.ts'
import type { ProcessorLease } from './processor-lease.ts'
import type { CheckedRunnerOptions } from './processor-runner-options.ts'
import type { ProcessorStatus } from './processor-status.ts'
import type { ProcessorProgress } from './progress-store.ts'
import { withSeen } from './seen-events.ts'

/** Effects wait in memory until they are saved: not more than about so many. */
const mostUnsavedEffects = 20_000
/** Aggregates that are tried again between two batches. */
const mostRetriesPerTurn = 20

/** Owns what is processed and not yet saved. */
export class ProcessorWork {
  readonly #options: CheckedRunnerOptions
  readonly #processor: EventProcessor
  readonly #lease: ProcessorLease
  readonly #gauge: ProcessorGauge
  readonly #matches: SubjectMatcher
  readonly #held: HeldEvents
  /** As stored, but for what this runner has seen since. */
  #progress: ProcessorProgress | undefined

  constructor(options: CheckedRunnerOptions, lease: ProcessorLease, gauge: ProcessorGauge) {
    const { processor, failures, mostHeldSequences, clock, random } = options
    this.#options = options
    this.#processor = processor
    this.#lease = lease
    this.#gauge = gauge
    this.#matches = subjectMatcher(processor.subjectPatterns)
    this.#held = new HeldEvents({
      processorName: processor.processorName,
      policy: failures,
      mostSequences: mostHeldSequences,
      now: clock.now,
      random,
    })
  }

  get status(): ProcessorStatus {
    return this.#gauge.status(this.#held.size)
  }

  /** When the next attempt is due, in milliseconds since 1970. */
  get dueAt(): number {
    return this.#held.dueAt
  }

  /** @throws {CheckpointAheadError} when the checkpoint lies beyond the end of the event store */
  async readCheckpoint(): Promise<void> {
    const position = await this.#gauge.during('read-checkpoint', () => this.#processor.getCheckpoint())
    this.#gauge.moveTo(position)
    const headPosition = await this.readHead()
    this.#gauge.headIsAt(headPosition)
    if (position > headPosition) {
      throw new CheckpointAheadError(this.#processor.processorName, position, headPosition)
    }
  }

  /** @returns the end of the event store */
  readHead(): Promise<number> {
    return this.#gauge.during('read-head', () => this.#options.eventStore.headPosition())
  }

  /** Begins at the checkpoint, with the processor just asked for. */
  async begin(progress: ProcessorProgress): Promise<void> {
    this.#progress = progress
    await this.readCheckpoint()
    await this.#gauge.during('read-dead-letters', () => this.#held.load(this.#processor.progressStore))
    this.#gauge.begin()
  }

  /**
   * Takes in what others have done to the dead letters; what is processed and not saved stays.
   * @throws {DeadLettersChangedError} when they have discarded what was tried again meanwhile
   */
  async takeIn(progress: ProcessorProgress): Promise<void> {
    const { revision, seen } = this.#owned()
    if (progress.revision === revision) return
    const { progressStore } = this.#processor
    if (!(await this.#gauge.during('read-dead-letters', () => this.#held.takeIn(progressStore)))) {
      throw new DeadLettersChangedError(progress.processorName, revision, progress.revision)
    }
    this.#progress = { ...progress, seen }
  }

  /** @returns whether all of it is processed: if not, the processor was stopped meanwhile, and the rest comes again */
  async processBatch(batch: EventBatch, signal: AbortSignal): Promise<boolean> {
    const live = this.#held.others(batch.events)
    this.#gauge.took(batch.events.length)
    const { failures, unsavedEffects, handledUntil = batch.position } = await this.#process(live, signal)
    const isWhole = handledUntil >= batch.position
    const position = Math.min(handledUntil, batch.position)
    const events = upTo(position, batch.events)
    this.#held.holdBack(events)
    for (const failure of failures) {
      this.#tellFailure(failure)
      this.#held.hold(failure, upTo(position, live))
    }
    this.#gauge.processed(events, position)
    const progress = this.#progress
    if (progress !== undefined) this.#progress = { ...progress, seen: withSeen(progress.seen, events) }
    // Over a backlog, many batches share a checkpoint and its commit.
    this.#gauge.headIsAt(Math.max(position, await this.readHead()))
    const { batchSize, eventsPerCheckpoint } = this.#options
    const isBacklog = events.length === batchSize && position < this.#gauge.headPosition
    const isMuch = this.#gauge.unsavedEvents >= eventsPerCheckpoint || unsavedEffects >= mostUnsavedEffects
    if (!isBacklog || isMuch || failures.length > 0) await this.#save(position)
    return isWhole
  }

  /** Tries again what is due, of some aggregates. */
  async retryDue(signal: AbortSignal): Promise<void> {
    for (const sequence of this.#held.due(mostRetriesPerTurn)) {
      if (signal.aborted) break
      await this.#retry(sequence, signal)
    }
  }

  /** Processes the events of an aggregate that is held back, as far as that goes. */
  async #retry(due: DeadLetterSequence, signal: AbortSignal): Promise<void> {
    for (;;) {
      // Others may have changed it since it was due: each save takes that in.
      const sequence = this.#held.get(due)
      if (sequence === undefined) return
      const { fromSequence: fromVersion, toSequence: toVersion } = sequence
      const { eventStore, batchSize: limit } = this.#options
      const page = await this.#gauge.during('read-events', () =>
        eventStore.loadEvents(due, { fromVersion, toVersion, limit }),
      )
      const last = page.at(-1)
      if (last === undefined) throw eventsMissing(this.#processor.processorName, sequence)
      const events = page.filter(({ aggregateType, eventType }) => this.#matches(aggregateType, eventType))
      const { failures, handledUntil = last.position } = await this.#process(events, signal)
      const [failure] = failures
      const left = events.find(({ position }) => position > handledUntil)
      if (failure === undefined) {
        const behind = { sequence: last.sequence + 1, position: last.position + 1 }
        const next = left ?? (last.sequence < toVersion ? behind : undefined)
        const isNoneHandled = left !== undefined && left === events[0]
        if (!isNoneHandled) this.#held.advance(sequence, upTo(handledUntil, events).length, next)
      } else {
        this.#tellFailure(failure)
        const before = events.filter((event) => event.sequence < failure.event.sequence)
        this.#held.failAgain(sequence, failure, before.length)
      }
      // Over a backlog it is saved with everything else: a commit for each attempt would hold up all others.
      if (!this.#gauge.hasUnsaved) await this.#save(this.#gauge.position)
      if (failure !== undefined || left !== undefined || last.sequence >= toVersion) return
    }
  }

  #process(events: readonly DomainEventEnvelope[], signal: AbortSignal): Promise<ProcessResult> {
    const context: ProcessContext = { replayUntil: this.#progress?.replayUntil ?? 0, signal }
    return this.#gauge.during('process', () => this.#lease.keepDuring(() => this.#processor.process(events, context)))
  }

  #tellFailure(failure: EventFailure): void {
    this.#gauge.eventFailed(failure)
    this.#options.onError(failure.error, this.status)
  }

  /** Shows a sign of life. @returns the progress as others see it */
  renewClaim(): Promise<ProcessorProgress> {
    return this.#gauge.during('renew-claim', () => this.#lease.renew())
  }

  /** Saves whatever is not saved yet. */
  async saveRest(): Promise<void> {
    if (this.#gauge.hasUnsaved || this.#held.hasChanges) await this.#save(this.#gauge.reached)
  }

  async #save(position: number): Promise<void> {
    for (;;) {
      try {
        return await this.#saveOnce(position)
      } catch (error) {
        if (!hasErrorCode(error, 'dead-letters-changed')) throw error
        // Nothing was saved, and nothing is wrong with what was to be.
        const before = this.#owned().revision
        const progress = await this.renewClaim()
        if (progress.revision === before) throw error
        await this.takeIn(progress)
      }
    }
  }

  async #saveOnce(position: number): Promise<void> {
    const { claim } = this.#lease
    const progress = this.#owned()
    const leaseUntil = this.#lease.renewedUntil()
    const { seen, revision: expectedRevision } = progress
    const deadLetters = this.#held.changes()
    const expectedPosition = this.#gauge.position
    const save = { claim, expectedPosition, expectedRevision, position, seen, leaseUntil, deadLetters }
    await this.#gauge.during('save', () => this.#processor.saveCheckpoint(save))
    this.#lease.renewed(leaseUntil)
    this.#held.saved()
    this.#progress = { ...progress, position }
    this.#gauge.saved(position)
  }

  #owned(): ProcessorProgress {
    if (this.#progress !== undefined) return this.#progress
    throw new Error(
      `Processor ${this.#processor.processorName} works without a claim: this is a mistake in the runner.`,
    )
  }
}

function upTo(position: number, events: readonly DomainEventEnvelope[]): readonly DomainEventEnvelope[] {
  const last = events.at(-1)
  return last === undefined || last.position <= position ? events : events.filter((event) => event.position <= position)
}

function eventsMissing(
  processorName: string,
  { aggregateType, aggregateId, fromSequence, toSequence }: DeadLetterSequence,
) {
  return new StoreCorruptError(
    `Processor ${processorName}: events ${fromSequence} to ${toSequence} of ${aggregateType} ${JSON.stringify(aggregateId)} are held ` +
      'back and are not in the event store. Does the processor belong to another event store? Restore a backup, or discard them.',
  )
}
