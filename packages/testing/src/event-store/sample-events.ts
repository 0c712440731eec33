/** Events and helpers that the event store tests share. */

import type { AggregateRef, AppendResult, DomainEventEnvelope, EventStore, NewEvent } from '@cim/core'

/** @param aggregateId any acceptable id */
export function person(aggregateId: string): AggregateRef {
  return { aggregateType: 'Person', aggregateId }
}

/**
 * @param count how many events
 * @param first the number in the first one, rising from there
 */
export function noted(count: number, first = 1): NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({ eventType: 'Noted', eventData: { number: first + index } }))
}

/** An event that no store accepts. */
export const impossibleEvent: NewEvent = { eventType: 'Noted', eventData: { at: new Date(0) } }

/** @returns what an append by the same writer would change: all that a failed one must leave as it is */
export async function visibleState(store: EventStore, aggregates: readonly AggregateRef[]): Promise<unknown> {
  const loaded: (readonly DomainEventEnvelope[])[] = []
  for (const aggregate of aggregates) loaded.push(await store.loadEvents(aggregate))
  return { head: await store.headPosition(), page: await store.readEvents(), loaded }
}

/** @returns every event of the store in the order of positions */
export async function allEvents(store: EventStore): Promise<readonly DomainEventEnvelope[]> {
  const events: DomainEventEnvelope[] = []
  let afterPosition = 0
  for (;;) {
    const page = await store.readEvents({ afterPosition, limit: 10_000 })
    events.push(...page.events)
    if (page.isEnd) return events
    if (page.position <= afterPosition) throw new Error('A page that is not the last must lead further.')
    afterPosition = page.position
  }
}

/** @returns the first result with the mark of a repeat */
export function repeated(first: AppendResult): AppendResult {
  return { ...first, isRepeat: true }
}
