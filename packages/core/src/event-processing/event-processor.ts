/** Something that follows the log and remembers how far it got. */

import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { ProgressSave, ProgressStore } from './progress-store.ts'

/** An event that could not be processed. */
export interface EventFailure {
  readonly event: DomainEventEnvelope
  /** What was thrown. */
  readonly error: unknown
}

/** What became of a batch. */
export interface ProcessResult {
  /** How many effects wait for {@link EventProcessor.saveCheckpoint}; the runner saves when they become many. */
  readonly unsavedEffects: number
  /**
   * Of each aggregate of which an event failed, the first one that did. Neither it nor any later event of that aggregate
   * has an effect; all others have theirs.
   */
  readonly failures: readonly EventFailure[]
  /**
   * Given when the processor has ended early because it is being stopped: everything up to this position is handled or has
   * failed, and nothing after it has an effect that counts. All of the events when left out.
   */
  readonly handledUntil?: number
}

/** What a processor is told with each batch. */
export interface ProcessContext {
  /** Events up to this position have been processed once before, and reach the outside no second time. */
  readonly replayUntil: number
  /** Aborts when the runner is stopped for good. */
  readonly signal: AbortSignal
}

/**
 * Processes events in the order of their positions: a projection, and later sagas and publishers.
 * @see the mission's heading "Event Processors"
 */
export interface EventProcessor {
  /** Unique among the processors of an application; its progress is kept under it. */
  readonly processorName: string
  /** What it wants to see, patterns as in NATS. */
  readonly subjectPatterns: readonly string[]
  /** Where its progress and its dead letters are kept. */
  readonly progressStore: ProgressStore
  /**
   * Begins, or begins again after a failure: forgets every effect that is not saved.
   * @returns the position up to which everything has been processed, 0 at the beginning
   */
  getCheckpoint(): Promise<number>
  /**
   * Where it has once begun, as far as that can be told without its progress, which may be lost; goes before `startAt`.
   * @returns a position, undefined when it has never begun
   */
  hasBegunAfter?(): Promise<number | undefined>
  /**
   * Processes events. Their effects wait for {@link saveCheckpoint}.
   * @throws when something other than an event is to blame: the runner then begins again at the checkpoint
   */
  process(events: readonly DomainEventEnvelope[], context: ProcessContext): Promise<ProcessResult>
  /** Makes all effects since the last checkpoint durable together with the new one: all or nothing. */
  saveCheckpoint(save: ProgressSave): Promise<void>
}
