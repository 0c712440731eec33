/** What others do to a processor in the middle of a long backlog, of which much is processed and nothing saved. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { settle, withHooks } from '../sample-account.test.ts'
import { processorName, scene } from './sample-runner.test.ts'

const failures = { maxAttempts: 1, retryDelay: { firstMs: 100, mostMs: 100 } }
const sizes = { batchSize: 2, eventsPerCheckpoint: 1000 }

/** One aggregate fails from its first event on; between its events are those of others. 46 events in all. */
async function backlog() {
  const all = scene()
  await all.deposit('bad')
  for (let round = 0; round < 15; round++) {
    await all.deposit(`good-${round % 4}`, 2)
    await all.deposit('bad')
  }
  all.poison.set(1, () => assert.fail('poison'))
  const positionsOf = async () => Object.values(await all.views()).flat()
  return { ...all, positionsOf }
}

describe('a backlog of which much is not saved', () => {
  test('goes on when dead letters are retried from outside again and again: nothing is processed twice', async () => {
    const { newRunner, clock, views, held, poison, progressStore } = await backlog()
    let isRetried = true
    const runner = newRunner({
      ...sizes,
      failures,
      nextTurn: async () => {
        if (!isRetried) return
        await progressStore.retryDeadLetters(processorName, {}, clock.now())
        runner.wake()
      },
    })
    await runner.start()
    await clock.pass(0)
    await runner.drain()
    assert.equal(runner.status.processedEvents, 46)
    assert.deepEqual(
      (await held()).map(([aggregateId, , from, to, count]) => [aggregateId, from, to, count]),
      [['bad', 1, 46, 16]],
    )
    assert.equal((await progressStore.readProgress(processorName))?.seen.count, 46)
    isRetried = false
    poison.clear()
    await progressStore.retryDeadLetters(processorName, {}, clock.now())
    runner.wake()
    await clock.pass(0)
    const { bad, ...good } = await views()
    assert.deepEqual(
      bad,
      Array.from({ length: 16 }, (_, index) => 1 + 3 * index),
    )
    assert.equal(Object.values(good).flat().length, 30)
    await runner.stop()
  })

  for (const isFirstOnly of [false, true]) {
    test(`goes on when ${isFirstOnly ? 'the first event' : 'all'} of a dead letter is discarded: what waits behind it is not lost`, async () => {
      const { newRunner, clock, positionsOf, held, progressStore } = await backlog()
      let turns = 0
      const runner = newRunner({
        ...sizes,
        failures,
        nextTurn: async () => {
          if (++turns !== 10) return
          // Some of its events are processed as waiting by now, and not yet stored as that.
          await progressStore.discardDeadLetters(processorName, {}, { reason: 'wrong', isFirstOnly, now: clock.now() })
          runner.wake()
        },
      })
      await runner.start()
      await clock.pass(0)
      await runner.drain()
      await clock.pass(0)
      assert.equal(runner.status.processedEvents, 46)
      const [record] = await progressStore.listDiscarded(processorName)
      assert.deepEqual([record?.fromPosition, record?.toPosition, record?.eventCount], [1, 1, 1])
      const all = Array.from({ length: 45 }, (_, index) => 2 + index)
      assert.deepEqual([(await positionsOf()).sort((one, other) => one - other), await held()], [all, []])
      await runner.stop()
    })
  }

  test('starts over when what it has tried again, with success, was discarded meanwhile', async () => {
    const { newRunner, clock, positionsOf, held, poison, progressStore } = await backlog()
    let turns = 0
    const runner = newRunner({
      ...sizes,
      failures,
      nextTurn: async () => {
        turns++
        if (turns === 5) {
          poison.clear()
          await progressStore.retryDeadLetters(processorName, {}, clock.now())
          runner.wake()
        }
        if (turns === 10) {
          await progressStore.discardDeadLetters(processorName, {}, { reason: 'wrong', now: clock.now() })
          runner.wake()
        }
      },
    })
    await runner.start()
    await clock.pass(0)
    await runner.drain()
    const all = Array.from({ length: 45 }, (_, index) => 2 + index)
    assert.deepEqual([(await positionsOf()).sort((one, other) => one - other), await held()], [all, []])
    await runner.stop()
  })

  test('goes on when it is woken again and again before the next events are there', async () => {
    const memory = new MemoryEventStore()
    let subscriptions = 0
    let next = Promise.withResolvers<void>()
    const eventStore = withHooks<EventStore>(memory, {
      subscribe: async function* (...request) {
        subscriptions++
        for await (const batch of memory.subscribe(...request)) {
          await next.promise
          yield batch
        }
      },
    })
    const { newRunner, deposit, views } = scene(eventStore)
    await deposit('a', 20)
    const runner = newRunner(sizes)
    await runner.start()
    for (let batch = 0; batch < 10; batch++) {
      for (let wakes = 0; wakes < 3; wakes++) {
        runner.wake()
        await settle()
      }
      const { resolve } = next
      next = Promise.withResolvers<void>()
      resolve()
      await settle()
    }
    await runner.drain()
    assert.deepEqual([subscriptions, runner.status.processedEvents, (await views()).a?.length], [1, 20, 20])
    next.resolve()
    await runner.stop()
  })
})
