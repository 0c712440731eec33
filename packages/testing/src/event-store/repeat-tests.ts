/** The same events again: guarantee 4, by event id. */

import assert from 'node:assert/strict'
import type { EventStore, NewEvent } from '@cim/core'
import { rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { noted, person, repeated, visibleState } from './sample-events.ts'

const withIds = (prefix: string, count: number): NewEvent[] =>
  noted(count).map((event, index) => ({ ...event, eventId: `${prefix}-${index}` }))

/** @param tests registers tests with the adapter */
export function repeatTests({ test, durableTest }: StoreTests<EventStore>): void {
  test('the same events at the same expected version are a success that changes nothing', async ({ store }) => {
    await store.appendEvents(person('ada'), noted(2), { expectedVersion: 0 })
    const first = await store.appendEvents(person('ada'), withIds('e', 3), { expectedVersion: 2 })
    assert.equal(first.isRepeat, false)
    const before = await visibleState(store, [person('ada')])
    for (let time = 0; time < 3; time++) {
      const again = await store.appendEvents(person('ada'), withIds('e', 3), { expectedVersion: 2 })
      assert.deepEqual(again, repeated(first))
    }
    assert.deepEqual(await visibleState(store, [person('ada')]), before)
  })

  test('a repeat is recognised at any age', async ({ store, clock }) => {
    const first = await store.appendEvents(person('ada'), withIds('e', 2), { expectedVersion: 0 })
    for (let version = 2; version < 40; version++) {
      clock.advance(86_400_000)
      await store.appendEvents(person('ada'), noted(1), { expectedVersion: version })
    }
    const again = await store.appendEvents(person('ada'), withIds('e', 2), { expectedVersion: 0 })
    assert.deepEqual(again, repeated(first))
  })

  durableTest('a repeat is recognised after a restart', async ({ store, restart }) => {
    const first = await store.appendEvents(person('ada'), withIds('e', 2), { expectedVersion: 0 })
    const reopened = await restart()
    const again = await reopened.appendEvents(person('ada'), withIds('e', 2), { expectedVersion: 0 })
    assert.deepEqual(again, repeated(first))
  })

  test('the order of properties makes no difference to a repeat', async ({ store }) => {
    const event = { eventId: 'e', eventType: 'Noted' }
    const first = await store.appendEvents(person('ada'), [{ ...event, eventData: { a: 1, b: { c: 2, d: 3 } } }], {
      expectedVersion: 0,
    })
    const again = await store.appendEvents(person('ada'), [{ ...event, eventData: { b: { d: 3, c: 2 }, a: 1 } }], {
      expectedVersion: 0,
    })
    assert.deepEqual(again, repeated(first))
  })

  test('other content under the same event ids is an error that names the event', async ({ store }) => {
    await store.appendEvents(person('ada'), withIds('e', 2), { expectedVersion: 0 })
    const before = await visibleState(store, [person('ada')])
    const [first, second] = withIds('e', 2)
    for (const other of [
      { ...second, eventData: { number: 99 } },
      { ...second, eventType: 'Renamed' },
      { ...second, schemaVersion: 2 },
    ]) {
      const append = store.appendEvents(person('ada'), [first, other] as NewEvent[], { expectedVersion: 0 })
      await rejectsWithCode(append, 'event-id-reused', { eventId: 'e-1' })
    }
    assert.deepEqual(await visibleState(store, [person('ada')]), before)
  })

  test('events of which only some are stored there are a conflict', async ({ store }) => {
    await store.appendEvents(person('ada'), withIds('e', 2), { expectedVersion: 0 })
    const more = store.appendEvents(person('ada'), withIds('e', 3), { expectedVersion: 0 })
    await rejectsWithCode(more, 'concurrency', { actualVersion: 2 })
    const others = store.appendEvents(person('ada'), [...withIds('e', 1), ...noted(1)], { expectedVersion: 0 })
    await rejectsWithCode(others, 'concurrency', { actualVersion: 2 })
  })

  test('the same events sent twice at once are stored once', async ({ store }) => {
    const appends = Array.from({ length: 20 }, () =>
      store.appendEvents(person('ada'), withIds('e', 3), { expectedVersion: 0 }),
    )
    const results = await Promise.all(appends)
    assert.equal(results.filter(({ isRepeat }) => !isRepeat).length, 1)
    const events = await store.loadEvents(person('ada'))
    assert.equal(events.length, 3)
    for (const result of results) assert.deepEqual(result.events, events)
  })

  test('the same event ids in another aggregate are other events', async ({ store }) => {
    await store.appendEvents(person('ada'), withIds('e', 2), { expectedVersion: 0 })
    const other = await store.appendEvents(person('bob'), withIds('e', 2), { expectedVersion: 0 })
    assert.deepEqual({ isRepeat: other.isRepeat, version: other.version }, { isRepeat: false, version: 2 })
  })
}
