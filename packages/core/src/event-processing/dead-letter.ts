/** Events that could not be processed, and those that wait behind them. */

import type { AggregateRef } from '../event-store/aggregate-ref.ts'

/** Why an event could not be processed. */
export interface ProcessingFailure {
  /** Name of the error's class. */
  readonly name: string
  readonly message: string
  /** Stable code, when the error has one. */
  readonly code?: string
  readonly stack?: string
  /** The event that failed. */
  readonly eventId: string
  readonly eventType: string
}

/**
 * The events of one aggregate that a processor holds back: the first one failed, the others must not overtake it. The events
 * themselves stay where they are, in the event store.
 */
export interface DeadLetterSequence extends AggregateRef {
  readonly processorName: string
  /** `retrying`: it will be tried again by itself. `parked`: it waits until someone retries or discards it. */
  readonly state: 'retrying' | 'parked'
  /** Sequence and position of the event that failed. */
  readonly fromSequence: number
  readonly fromPosition: number
  /** Sequence and position of the newest event that waits. */
  readonly toSequence: number
  readonly toPosition: number
  /** How many events wait, the failed one included. */
  readonly eventCount: number
  /** How often the first event has been tried. */
  readonly attempts: number
  readonly failure: ProcessingFailure
  /** ISO-8601. */
  readonly firstFailedAt: string
  readonly lastFailedAt: string
  /** When it is tried again, ISO-8601; undefined when it is parked. */
  readonly nextAttemptAt: string | undefined
}

/** Which dead letters are meant: all that every given property fits. */
export interface DeadLetterFilter {
  readonly aggregateType?: string
  readonly aggregateId?: string
  readonly state?: DeadLetterSequence['state']
  /** Type of the event that failed. */
  readonly eventType?: string
  /** Name of the error's class. */
  readonly failureName?: string
}

/** Dead letters in the order in which they failed. */
export interface DeadLetterPage {
  readonly sequences: readonly DeadLetterSequence[]
  /** Give it as `after` to get the next page; undefined when there is none. */
  readonly next: string | undefined
}

/** Who discards dead letters, and why. */
export interface DiscardOptions {
  /** 1 to 1,000 characters. */
  readonly reason: string
  /** For the record; 1 to 200 characters. */
  readonly discardedBy?: string
  /**
   * Discard only the event that failed, and go on with those behind it. A sequence whose first event has not been tried yet
   * (`attempts` 0) is passed over: nobody can say that it fails.
   */
  readonly isFirstOnly?: boolean
  /** Milliseconds since 1970. */
  readonly now: number
}

/** A record of events that were given up. */
export interface DiscardedDeadLetter extends DeadLetterSequence {
  readonly reason: string
  readonly discardedBy: string | undefined
  /** ISO-8601. */
  readonly discardedAt: string
}

/** What a save changes about dead letters. */
export type DeadLetterChange =
  | { readonly kind: 'put'; readonly sequence: DeadLetterSequence }
  /** All its events are processed. */
  | { readonly kind: 'resolve'; readonly aggregate: AggregateRef }

/** @returns a key for maps */
export function aggregateKey({ aggregateType, aggregateId }: AggregateRef): string {
  return `${aggregateType} ${aggregateId}`
}
