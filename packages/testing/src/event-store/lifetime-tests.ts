/** Options, closing, and opening again: guarantee 1. */

import assert from 'node:assert/strict'
import type { AppendOptions, EventStore } from '@cim/core'
import { assertRising, rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { noted, person, visibleState } from './sample-events.ts'

/** @param tests registers tests with the adapter */
export function lifetimeTests({ test, durableTest }: StoreTests<EventStore>): void {
  test('an unknown option is an error that names it', async ({ store }) => {
    const typo = { expectedVersion: 0, comand: {} } as AppendOptions
    await rejectsWithCode(store.appendEvents(person('ada'), noted(1), typo), 'invalid-option', { option: 'comand' })
    await rejectsWithCode(store.loadEvents(person('ada'), { fromVerison: 1 } as object), 'invalid-option', {
      option: 'fromVerison',
    })
    await rejectsWithCode(store.readEvents({ after: 1 } as object), 'invalid-option', { option: 'after' })
    await rejectsWithCode(() => store.subscribe('>', { from: 1 } as object), 'invalid-option', { option: 'from' })
    assert.equal(await store.headPosition(), 0)
  })

  test('an option out of range is an error that names it', async ({ store }) => {
    for (const value of [-1, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1]) {
      for (const expectedVersion of [value, undefined, '1', null] as readonly number[]) {
        const append = store.appendEvents(person('ada'), noted(1), { expectedVersion })
        await rejectsWithCode(append, 'invalid-option', { option: 'expectedVersion' })
      }
      for (const option of ['fromVersion', 'toVersion', 'limit']) {
        await rejectsWithCode(store.loadEvents(person('ada'), { [option]: value }), 'invalid-option', { option })
      }
      for (const option of ['afterPosition', 'limit']) {
        await rejectsWithCode(store.readEvents({ [option]: value }), 'invalid-option', { option })
      }
      for (const option of ['afterPosition', 'batchSize']) {
        await rejectsWithCode(() => store.subscribe('>', { [option]: value }), 'invalid-option', { option })
      }
    }
    await rejectsWithCode(store.readEvents({ limit: 10_001 }), 'invalid-option', { option: 'limit' })
    await rejectsWithCode(() => store.subscribe('>', { batchSize: 0 }), 'invalid-option', { option: 'batchSize' })
  })

  test('a closed store says so', async ({ store }) => {
    await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    await store.close()
    await store.close()
    const record = {
      commandId: 'c',
      fingerprint: 1,
      status: 'Accepted',
      version: 1,
      position: 1,
      timestamp: '',
    } as const
    for (const action of [
      () => store.appendEvents(person('ada'), noted(1), { expectedVersion: 1 }),
      () => store.loadEvents(person('ada')),
      () => store.readEvents(),
      () => store.findCommand(person('ada'), 'c'),
      () => store.recordCommand(person('ada'), record),
      () => store.headPosition(),
      () => store.subscribe('>')[Symbol.asyncIterator]().next(),
    ]) {
      await rejectsWithCode(action, 'store-closed')
    }
  })

  test('a consumer that stops while it waits is let go at once', async ({ store }) => {
    const waiting = store.subscribe('events.>')[Symbol.asyncIterator]()
    const next = waiting.next()
    assert.deepEqual(await waiting.return?.(), { done: true, value: undefined })
    assert.deepEqual(await next, { done: true, value: undefined })
  })

  test('closing wakes a subscriber that waits', async ({ store }) => {
    const waiting = store.subscribe('>')[Symbol.asyncIterator]().next()
    await new Promise(setImmediate)
    await store.close()
    await rejectsWithCode(waiting, 'store-closed')
  })

  durableTest('what was accepted before the close is stored, what was not is not', async ({ store, restart }) => {
    const appends = Array.from({ length: 40 }, (_, index) =>
      store.appendEvents(person(`p-${index}`), noted(2), { expectedVersion: index % 4 === 0 ? 7 : 0 }),
    )
    const outcomes = Promise.allSettled(appends)
    const reopened = await restart()
    for (const [index, outcome] of (await outcomes).entries()) {
      const stored = await reopened.loadEvents(person(`p-${index}`))
      assert.deepEqual(stored, outcome.status === 'fulfilled' ? outcome.value.events : [])
    }
  })

  durableTest('everything is there after a restart, and counting goes on', async ({ store, clock, restart }) => {
    const aggregates = [person('ada'), person('😀 __proto__')]
    for (const aggregate of aggregates) {
      await store.appendEvents(aggregate, noted(3), { expectedVersion: 0 })
      clock.advance(1000)
    }
    const before = await visibleState(store, aggregates)
    const reopened = await restart()
    assert.deepEqual(await visibleState(reopened, aggregates), before)
    await rejectsWithCode(reopened.appendEvents(person('ada'), noted(1), { expectedVersion: 0 }), 'concurrency', {
      actualVersion: 3,
    })
    clock.advance(-60_000)
    await reopened.appendEvents(person('ada'), noted(1), { expectedVersion: 3 })
    const { events } = await reopened.readEvents()
    assertRising(events.map(({ position }) => position))
    assert.deepEqual(
      events.map(({ timestamp }) => timestamp),
      events.map(({ timestamp }) => timestamp).sort(),
      'timestamps never decrease, whatever the clock does',
    )
  })
}
