/** What has become of one aggregate's dead letters since the last save, and how that goes with what others did meanwhile. */

import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DeadLetterSequence } from './dead-letter.ts'

/** Where an event is. */
export interface AggregatePlace {
  readonly sequence: number
  readonly position: number
}

/** A change that is not saved yet. */
export interface HeldChange {
  readonly aggregate: AggregateRef
  /** As it is stored; undefined when it is not. */
  readonly before: DeadLetterSequence | undefined
  /** The first event that was put behind those that are stored. */
  readonly behind: AggregatePlace | undefined
}

/** The change goes by events that were discarded meanwhile, and has effects that must not be. */
export const isContradicted: unique symbol = Symbol('is contradicted')

/**
 * @param change made here
 * @param present what it has led to; undefined when nothing is held back any more
 * @param stored what others have left; undefined when it was discarded
 * @param now of the next attempt, if it was put off by nobody: ISO-8601
 * @returns what is to be stored; undefined when nothing is
 */
export function reconcile(
  { before, behind }: HeldChange,
  present: DeadLetterSequence | undefined,
  stored: DeadLetterSequence | undefined,
  now: string,
): DeadLetterSequence | undefined | typeof isContradicted {
  if (before === undefined || isSame(before, stored)) return present
  if (stored?.fromSequence === before.fromSequence) {
    // Retried from outside: what was tried here may have been tried before that.
    return present && { ...present, state: stored.state, nextAttemptAt: stored.nextAttemptAt }
  }
  if (present?.fromSequence !== before.fromSequence) return isContradicted
  const eventCount = present.eventCount - before.eventCount
  const { toSequence, toPosition } = present
  if (stored !== undefined) return { ...stored, toSequence, toPosition, eventCount: stored.eventCount + eventCount }
  if (behind === undefined) return undefined
  const { sequence: fromSequence, position: fromPosition } = behind
  return {
    ...present,
    fromSequence,
    fromPosition,
    eventCount,
    attempts: 0,
    state: 'retrying',
    nextAttemptAt: now,
  }
}

function isSame(one: DeadLetterSequence, other: DeadLetterSequence | undefined): boolean {
  return (
    other !== undefined &&
    one.fromSequence === other.fromSequence &&
    one.state === other.state &&
    one.nextAttemptAt === other.nextAttemptAt
  )
}
