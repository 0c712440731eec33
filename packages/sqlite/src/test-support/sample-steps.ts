/** A processor, and steps of it. */

import { type DeadLetterSequence, nothingSeen, type ProcessorClaim, type ProgressSave } from '@cim/core'

export const processorName = 'NumbersView@1'

/** @returns a step of one position that changes nothing else */
export function nextStep(claim: ProcessorClaim, position: number, leaseUntil: number): ProgressSave {
  return {
    claim,
    expectedPosition: position,
    expectedRevision: 0,
    position: position + 1,
    seen: nothingSeen,
    leaseUntil,
    deadLetters: [],
  }
}

/** @returns the events 2 and 3 of a person, the first of which has failed */
export function deadLetter(aggregateId: string): DeadLetterSequence {
  return {
    processorName,
    aggregateType: 'Person',
    aggregateId,
    state: 'parked',
    fromSequence: 2,
    fromPosition: 20,
    toSequence: 3,
    toPosition: 30,
    eventCount: 2,
    attempts: 5,
    failure: { name: 'Error', message: 'NUL \0, half a pair \ud800', eventId: 'event-2', eventType: 'Noted' },
    firstFailedAt: '2026-01-01T00:00:00.000Z',
    lastFailedAt: '2026-01-01T00:00:01.000Z',
    nextAttemptAt: undefined,
  }
}
