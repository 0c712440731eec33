/** The port that hands events to others: a message broker, another system. */

import { CimError } from '../errors/cim-error.ts'
import type { EventFailure } from '../event-processing/event-processor.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'

/**
 * Publishes stored events, at least once.
 *
 * The events of one aggregate go out in order: none before the one in front of it is taken. After a failure or a crash, events
 * come again with the same `eventId`, by which whoever receives them recognises a repeat.
 * @see the mission's heading "Event Publishing"
 */
export interface EventPublisher {
  /**
   * @param events in the order of their positions
   * @param options a signal to begin with no further event
   * @returns when all of them are taken for good by whom they were sent to
   * @throws {UnpublishableEventsError} when some can never be: all others are taken, but for those behind these
   * @throws anything else when that cannot be said: all of them come again
   */
  publish(events: readonly DomainEventEnvelope[], options?: { readonly signal?: AbortSignal }): Promise<void>
}

/** Something about these events keeps them from being published, now and later. */
export class UnpublishableEventsError extends CimError {
  override readonly name = 'UnpublishableEventsError'
  readonly code = 'unpublishable-events'
  /** The first of each aggregate. Those behind it were not published either. */
  readonly failures: readonly EventFailure[]

  constructor(failures: readonly EventFailure[]) {
    const [first] = failures
    const why = first?.error instanceof Error ? first.error.message : String(first?.error)
    super(`Events of ${failures.length} aggregates cannot be published; the first: ${why}`)
    this.failures = failures
  }
}
