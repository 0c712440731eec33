/** Events and checks that the tests of this package share. */

import assert from 'node:assert/strict'
import type { AggregateRef, AppendResult, DomainEventEnvelope, EventStore, NewEvent } from '@cim/core'

export function person(aggregateId: string): AggregateRef {
  return { aggregateType: 'Person', aggregateId }
}

/** @param first the number in the first of them */
export function noted(count: number, first = 1): NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({ eventType: 'Noted', eventData: { number: first + index } }))
}

/** @returns every event of a store, in order */
export async function allEvents(store: EventStore): Promise<readonly DomainEventEnvelope[]> {
  const events: DomainEventEnvelope[] = []
  for (let afterPosition = 0; ; ) {
    const page = await store.readEvents({ afterPosition, limit: 10_000 })
    events.push(...page.events)
    if (page.isEnd) return events
    afterPosition = page.position
  }
}

/** Every acknowledged append is stored once, as it was acknowledged, and sequences count without a gap. */
export async function assertStoredOnce(store: EventStore, results: readonly AppendResult[]): Promise<void> {
  const log = await allEvents(store)
  const byPosition = new Map(log.map((event) => [event.position, event]))
  const ids = new Set<string>()
  const versions = new Map<string, number>()
  for (const { eventId, aggregateId, sequence } of log) {
    assert.ok(!ids.has(eventId), `event ${eventId} is stored once`)
    ids.add(eventId)
    assert.equal(sequence, (versions.get(aggregateId) ?? 0) + 1, `the next sequence in ${aggregateId}`)
    versions.set(aggregateId, sequence)
  }
  for (const event of results.flatMap(({ events }) => events)) {
    assert.deepEqual(byPosition.get(event.position), event, 'what was acknowledged is stored')
  }
}
