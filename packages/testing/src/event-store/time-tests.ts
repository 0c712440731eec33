/** When events were stored. */

import assert from 'node:assert/strict'
import type { EventStore } from '@cim/core'
import fc from 'fast-check'
import { rejectsWithCode } from '../conformance/assertions.ts'
import { checkProperty } from '../conformance/check-property.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { allEvents, noted, person } from './sample-events.ts'

/** @param tests registers tests with the adapter */
export function timeTests({ test }: StoreTests<EventStore>): void {
  test('events of a type are read by time: from a moment on, before another', async ({ store, clock }) => {
    for (const aggregateId of ['a', 'b', 'c', 'd']) {
      await store.appendEvents(person(aggregateId), noted(1), { expectedVersion: 0 })
      await store.appendEvents({ aggregateType: 'Team', aggregateId }, noted(1), { expectedVersion: 0 })
      clock.advance(1)
    }
    const read = async (fromTimestamp: string, beforeTimestamp: string): Promise<readonly string[]> => {
      const { events } = await store.readEvents({ aggregateType: 'Person', fromTimestamp, beforeTimestamp })
      return events.map(({ aggregateId }) => aggregateId)
    }
    assert.deepEqual(await read('2026-01-01T00:00:00.001Z', '2026-01-01T00:00:00.003Z'), ['b', 'c'])
    assert.deepEqual(await read('2026-01-01T00:00:00.002+00:00', '2026-01-02'), ['c', 'd'])
    assert.deepEqual(await read('2025-12-31T22:00:00-02:00', '2026-01-01T01:00:00.001+01:00'), ['a'])
    assert.deepEqual(await read('2026-01-01T00:00:00.003Z', '2026-01-01T00:00:00.001Z'), [])
  })

  test('a time that is not ISO-8601 with a zone is an error', async ({ store }) => {
    for (const text of ['yesterday', '', '2026-13-01', '2026-01-01T00:00:00', '1767225600000', '2026-02-30']) {
      await rejectsWithCode(store.readEvents({ fromTimestamp: text }), 'validation')
      await rejectsWithCode(store.readEvents({ beforeTimestamp: text }), 'validation')
    }
  })

  test('timestamps never decrease as positions rise, whatever the clock does', async ({ store, clock }) => {
    let latest = 0
    const property = fc.asyncProperty(
      fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 1 }),
      async (steps) => {
        for (const step of steps) {
          clock.advance(step)
          latest = Math.max(latest, clock.time)
          const { timestamp, events } = await store.appendEvents(person('ada'), noted(2), { expectedVersion: 'any' })
          assert.equal(timestamp, new Date(latest).toISOString())
          for (const event of events) assert.equal(event.timestamp, timestamp)
        }
      },
    )
    await checkProperty(property, 10)
    const times = (await allEvents(store)).map(({ timestamp }) => timestamp)
    assert.deepEqual(times, [...times].sort())
  })

  test('an append that fails does not move time on', async ({ store, clock }) => {
    clock.advance(60_000)
    await rejectsWithCode(store.appendEvents(person('ada'), noted(1), { expectedVersion: 3 }), 'concurrency')
    clock.advance(-60_000)
    const { timestamp } = await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    assert.equal(timestamp, '2026-01-01T00:00:00.000Z')
  })
}
