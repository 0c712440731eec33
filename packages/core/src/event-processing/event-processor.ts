/** Something that follows the log and remembers how far it got. */

import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'

/**
 * Processes events in the order of their positions: a projection, and later sagas and publishers.
 * @see the mission's heading "Event Processors"
 */
export interface EventProcessor {
  /** Unique among the processors of an application; its checkpoint is kept under it. */
  readonly processorName: string
  /** What it wants to see, patterns as in NATS. */
  readonly subjectPatterns: readonly string[]
  /**
   * Begins, or begins again after a failure: forgets every effect that is not saved.
   * @returns the position up to which everything has been processed, 0 at the beginning
   */
  getCheckpoint(): Promise<number>
  /**
   * Processes events that follow the last ones without a gap. Their effects wait for {@link saveCheckpoint}.
   * @returns how many effects are waiting; the runner saves when they become many
   */
  process(events: readonly DomainEventEnvelope[]): Promise<number>
  /** Makes all effects since the last checkpoint durable together with the new one: all or nothing. */
  saveCheckpoint(position: number): Promise<void>
}
