/** What views must hold, computed from the events alone. */

import type { DeadLetterSequence, DiscardedDeadLetter, DomainEventEnvelope } from '@cim/core'
import type { EntryData, LedgerView } from './ledger.ts'

/** What a processor has not done on purpose. */
export interface LeftOut {
  readonly held: readonly DeadLetterSequence[]
  readonly discarded: readonly DiscardedDeadLetter[]
}

/** @returns those of the events that a processor must have done: all but what it holds back, and what was given up */
export function eventsInEffect(
  handled: readonly DomainEventEnvelope[],
  { held, discarded }: LeftOut,
): readonly DomainEventEnvelope[] {
  return handled.filter(({ aggregateId, sequence }) => {
    const isHeld = held.some((one) => one.aggregateId === aggregateId && sequence >= one.fromSequence)
    const isDiscarded = discarded.some(
      (one) => one.aggregateId === aggregateId && sequence >= one.fromSequence && sequence <= one.toSequence,
    )
    return !isHeld && !isDiscarded
  })
}

/** @returns every document by id; the positions of a group rise, whatever order they came in */
export function expectedViews(events: readonly DomainEventEnvelope[]): ReadonlyMap<string, LedgerView> {
  const documents = new Map<string, { kind: LedgerView['kind']; numbers: number[] }>()
  const add = (kind: LedgerView['kind'], id: string, number: number): void => {
    const document = documents.get(`${kind}-${id}`)
    if (document === undefined) documents.set(`${kind}-${id}`, { kind, numbers: [number] })
    else document.numbers.push(number)
  }
  for (const { aggregateId, sequence, position, eventData } of events) {
    add('aggregate', aggregateId, sequence)
    add('group', (eventData as EntryData).group, position)
    add('event', String(position), position)
  }
  return documents
}

/** @returns the places that are lower than one before them, of the same aggregate: none when the order was kept */
export function overtaken(
  places: readonly { readonly aggregateId: string; readonly sequence: number }[],
): readonly { readonly aggregateId: string; readonly sequence: number }[] {
  const newest = new Map<string, number>()
  return places.filter(({ aggregateId, sequence }) => {
    const before = newest.get(aggregateId) ?? 0
    newest.set(aggregateId, Math.max(before, sequence))
    return sequence < before
  })
}
