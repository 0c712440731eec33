/** Something that follows the log and remembers how far it got. */

import type { EventBatch } from '../event-store/event-store.ts'

/**
 * Processes events in the order of their positions: a projection, and later sagas and publishers.
 * @see the mission's heading "Event Processors"
 */
export interface EventProcessor {
  /** Unique among the processors of an application; its checkpoint is kept under it. */
  readonly processorName: string
  /** What it wants to see, patterns as in NATS. */
  readonly subjectPatterns: readonly string[]
  /** @returns the position up to which everything has been processed, 0 at the beginning */
  getCheckpoint(): Promise<number>
  /**
   * Processes a batch: its effects and `batch.position` as the new checkpoint take hold together, or not at all.
   * @param batch follows the checkpoint without a gap
   */
  process(batch: EventBatch): Promise<void>
}
