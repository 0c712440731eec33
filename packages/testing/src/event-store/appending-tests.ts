/** Appending and loading: all or nothing, at exactly the expected version. */

import assert from 'node:assert/strict'
import type { EventStore, NewEvent } from '@cim/core'
import { assertRising, rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { impossibleEvent, noted, person, visibleState } from './sample-events.ts'

/** @param tests registers tests with the adapter */
export function appendingTests({ test }: StoreTests<EventStore>): void {
  test('an appended event is loaded with everything that was given', async ({ store }) => {
    const event: NewEvent = {
      eventId: '0198c0de-0000-7000-8000-000000000001',
      eventType: 'PersonCreated',
      schemaVersion: 3,
      eventData: { legalName: { given: 'Ada', family: 'Lovelace' }, tags: ['a', 1, null, true] },
      metadata: { correlationId: 'c-1', causationId: 'c-2', commandId: 'c-3', userId: 'u-1', sessionId: 's-1' },
    }
    await store.appendEvents(person('ada'), [event], { expectedVersion: 0 })
    const loaded = await store.loadEvents(person('ada'))
    const position = await store.headPosition()
    assert.ok(position > 0)
    const place = { ...person('ada'), sequence: 1, position, timestamp: '2026-01-01T00:00:00.000Z' }
    assert.deepEqual(loaded, [{ ...event, ...place }])
  })

  test('what may be left out of an event is filled in', async ({ store }) => {
    const events = [{ eventType: 'Noted', eventData: null }, ...noted(1)]
    const { events: appended } = await store.appendEvents(person('ada'), events, { expectedVersion: 0 })
    for (const { eventId, schemaVersion, metadata } of appended) {
      assert.match(eventId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.deepEqual({ schemaVersion, metadata }, { schemaVersion: 1, metadata: {} })
    }
    assert.notEqual(appended[0]?.eventId, appended[1]?.eventId)
  })

  test('an append returns the events as they are loaded later', async ({ store }) => {
    const events = [{ eventType: 'Noted', eventData: { a: [1, { b: 2 }] }, metadata: { userId: 'u-1' } }, ...noted(2)]
    const result = await store.appendEvents(person('ada'), events, { expectedVersion: 0 })
    assert.deepEqual(await store.loadEvents(person('ada')), result.events)
    const last = result.events[2]
    const { sequence: version, position, timestamp } = last ?? assert.fail('three events were appended')
    assert.deepEqual(result, { events: result.events, version, position, timestamp, isRepeat: false })
    assert.equal(await store.headPosition(), position)
  })

  test('sequences count per aggregate from 1, positions rise over all of them', async ({ store }) => {
    for (let round = 0; round < 3; round++) {
      await store.appendEvents(person('ada'), noted(2), { expectedVersion: round * 2 })
      await store.appendEvents(person('bob'), noted(1), { expectedVersion: round })
      await store.appendEvents({ aggregateType: 'Team', aggregateId: 'ada' }, noted(1), { expectedVersion: round })
    }
    const sequences = async (aggregateType: string, aggregateId: string): Promise<readonly number[]> =>
      (await store.loadEvents({ aggregateType, aggregateId })).map(({ sequence }) => sequence)
    assert.deepEqual(await sequences('Person', 'ada'), [1, 2, 3, 4, 5, 6])
    assert.deepEqual(await sequences('Person', 'bob'), [1, 2, 3])
    assert.deepEqual(await sequences('Team', 'ada'), [1, 2, 3])
    const { events } = await store.readEvents()
    assert.equal(events.length, 12)
    assertRising(events.map(({ position }) => position))
  })

  test('an aggregate that does not exist has no events', async ({ store }) => {
    assert.deepEqual(await store.loadEvents(person('nobody')), [])
    assert.equal(await store.headPosition(), 0)
  })

  test('a conflict says which version the aggregate has', async ({ store }) => {
    await store.appendEvents(person('ada'), noted(3), { expectedVersion: 0 })
    for (const expectedVersion of [0, 1, 2, 4, 1000]) {
      await rejectsWithCode(store.appendEvents(person('ada'), noted(1), { expectedVersion }), 'concurrency', {
        ...person('ada'),
        expectedVersion,
        actualVersion: 3,
      })
    }
    await rejectsWithCode(store.appendEvents(person('bob'), noted(1), { expectedVersion: 1 }), 'concurrency', {
      actualVersion: 0,
    })
    assert.equal((await store.appendEvents(person('ada'), noted(1), { expectedVersion: 3 })).version, 4)
  })

  test('any version will do when any is expected, also none', async ({ store }) => {
    await store.appendEvents(person('ada'), noted(2), { expectedVersion: 'any' })
    assert.equal((await store.appendEvents(person('ada'), noted(2), { expectedVersion: 'any' })).version, 4)
  })

  test('an append that fails changes nothing, not even a counter', async ({ store }) => {
    const aggregates = [person('ada'), person('new')]
    const first = await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    const second = await store.appendEvents(person('ada'), noted(1), { expectedVersion: 1 })
    const before = await visibleState(store, aggregates)
    const huge = { eventType: 'Noted', eventData: 'x'.repeat(store.limits.maxEventBytes) }
    for (const last of [impossibleEvent, huge, { eventType: 'not a name', eventData: 1 }]) {
      for (const aggregate of aggregates) {
        const events = [...noted(5), last]
        await assert.rejects(store.appendEvents(aggregate, events, { expectedVersion: 'any' }))
      }
    }
    await rejectsWithCode(store.appendEvents(person('new'), noted(1), { expectedVersion: 7 }), 'concurrency')
    await rejectsWithCode(store.appendEvents(person('ada'), noted(1), { expectedVersion: 1 }), 'concurrency')
    assert.deepEqual(await visibleState(store, aggregates), before)
    const third = await store.appendEvents(person('ada'), noted(1), { expectedVersion: 2 })
    assert.deepEqual(
      { version: third.version, step: third.position - second.position },
      { version: 3, step: second.position - first.position },
    )
    const created = await store.appendEvents(person('new'), noted(1), { expectedVersion: 0 })
    assert.equal(created.version, 1)
  })
}
