/** How much fits into an append. */

import assert from 'node:assert/strict'
import type { EventStore, NewEvent } from '@cim/core'
import fc from 'fast-check'
import { assertRising, rejectsWithCode } from '../conformance/assertions.ts'
import { checkProperty } from '../conformance/check-property.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { noted, person, visibleState } from './sample-events.ts'

/** @param tests registers tests with the adapter */
export function limitTests({ test }: StoreTests<EventStore>): void {
  test('batches of 1 to 1,000 events are stored whole and in order', async ({ store }) => {
    assert.ok(store.limits.maxEventsPerAppend >= 1000)
    let aggregates = 0
    const sizes = fc.array(fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 60 }) }, fc.constant(1000)), {
      minLength: 1,
      maxLength: 3,
    })
    const property = fc.asyncProperty(sizes, async (batches) => {
      const aggregate = person(`batches-${++aggregates}`)
      let version = 0
      for (const size of batches) {
        const result = await store.appendEvents(aggregate, noted(size, version + 1), { expectedVersion: version })
        version += size
        assert.deepEqual({ count: result.events.length, version: result.version }, { count: size, version })
      }
      const loaded = await store.loadEvents(aggregate)
      const expected = Array.from({ length: version }, (_, index) => [index + 1, index + 1])
      assert.deepEqual(
        loaded.map(({ sequence, eventData }) => [sequence, (eventData as { readonly number: number }).number]),
        expected,
      )
      assertRising(loaded.map(({ position }) => position))
    })
    await checkProperty(property, 15)
  })

  test('an append of no events is an error', async ({ store }) => {
    await rejectsWithCode(store.appendEvents(person('ada'), [], { expectedVersion: 'any' }), 'validation')
    assert.equal(await store.headPosition(), 0)
  })

  test('an append of more events than the limit is an error that names the limit', async ({ store }) => {
    const limit = store.limits.maxEventsPerAppend
    const append = store.appendEvents(person('ada'), noted(limit + 1), { expectedVersion: 0 })
    await rejectsWithCode(append, 'payload-too-large', { limit, actual: limit + 1, unit: 'events' })
    assert.equal(await store.headPosition(), 0)
  })

  test('data up to exactly the limit is stored, one byte more changes nothing', async ({ store }) => {
    const limit = store.limits.maxEventBytes
    // Two quotes and the rest: one byte each, three bytes each, four bytes each, and escapes of six.
    for (const [name, unit, bytes] of [
      ['ascii', 'x', 1],
      ['euro', '€', 3],
      ['emoji', '😀', 4],
      ['control', '\u0001', 6],
    ] as const) {
      const fitting = unit.repeat(Math.floor((limit - 2) / bytes)) + 'x'.repeat((limit - 2) % bytes)
      await store.appendEvents(person(name), [{ eventType: 'Noted', eventData: fitting }], { expectedVersion: 0 })
      const [stored] = await store.loadEvents(person(name))
      assert.ok(stored?.eventData === fitting, `${name} came back as it was`)
      const before = await visibleState(store, [person(name)])
      const events = [...noted(1), { eventType: 'Noted', eventData: `${fitting}x` }]
      await rejectsWithCode(store.appendEvents(person(name), events, { expectedVersion: 1 }), 'payload-too-large', {
        limit,
        unit: 'bytes',
      })
      assert.deepEqual(await visibleState(store, [person(name)]), before)
    }
  })

  test('an append of more bytes than the limit is an error that names the limit', async ({ store }) => {
    const { maxAppendBytes: limit, maxEventBytes } = store.limits
    const eventData = '€'.repeat(Math.floor((maxEventBytes - 2) / 3))
    const count = Math.floor(limit / maxEventBytes)
    const events = Array.from({ length: count + 1 }, (): NewEvent => ({ eventType: 'Noted', eventData }))
    const append = store.appendEvents(person('ada'), events, { expectedVersion: 0 })
    await rejectsWithCode(append, 'payload-too-large', { limit, unit: 'bytes' })
    assert.equal(await store.headPosition(), 0)
    const { version } = await store.appendEvents(person('ada'), events.slice(1), { expectedVersion: 0 })
    assert.equal(version, count)
  })
}
