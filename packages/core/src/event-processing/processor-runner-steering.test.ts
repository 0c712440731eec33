import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import { errorOf, settle, withHooks } from '../sample-account.test.ts'
import type { ProgressStore } from './progress-store.ts'
import { processorName, scene } from './sample-runner.test.ts'

describe('a processor that is paused', () => {
  test('stops at its next look, gives the processor back, and goes on when it is resumed', async () => {
    const { newRunner, deposit, views, clock, progressStore } = scene()
    const runner = newRunner()
    await runner.start()
    await deposit('a')
    await clock.pass(0)
    await progressStore.setPaused(processorName, true)
    runner.wake()
    await clock.pass(0)
    assert.deepEqual(
      [runner.status.state, (await progressStore.readProgress(processorName))?.owner],
      ['paused', undefined],
    )
    await deposit('a')
    await clock.pass(60_000)
    assert.deepEqual([runner.status.state, await views()], ['paused', { a: [1] }])
    await progressStore.setPaused(processorName, false)
    runner.wake()
    await clock.pass(0)
    assert.deepEqual([runner.status.state, await views()], ['running', { a: [1, 2] }])
    await runner.stop()
  })

  test('notices both without a wake-up', async () => {
    const { newRunner, clock, progressStore } = scene()
    const runner = newRunner({ leaseMs: 900 })
    await runner.start()
    await clock.pass(0)
    await progressStore.setPaused(processorName, true)
    await clock.pass(300)
    assert.equal(runner.status.state, 'paused')
    await progressStore.setPaused(processorName, false)
    await clock.pass(300)
    assert.equal(runner.status.state, 'running')
    await runner.stop()
  })

  test('is woken also while it works', async () => {
    const { newRunner, deposit, clock, progressStore, viewStore } = scene()
    const saving = Promise.withResolvers<void>()
    const slow = withHooks<ViewStore>(viewStore, {
      commit: async (...request) => {
        await viewStore.commit(...request)
        await saving.promise
      },
    })
    const runner = newRunner({ views: slow })
    await runner.start()
    await deposit('a')
    await clock.pass(0)
    await progressStore.setPaused(processorName, true)
    runner.wake()
    saving.resolve()
    await clock.pass(0)
    assert.equal(runner.status.state, 'paused')
    await runner.stop()
  })
})

describe('whoever drains a processor', () => {
  test('waits until all is processed that is there now', async () => {
    const { newRunner, deposit, views } = scene()
    await deposit('a', 50)
    const runner = newRunner({ batchSize: 3, nextTurn: settle })
    await runner.start()
    await runner.drain()
    assert.equal((await views()).a?.length, 50)
    assert.equal(runner.status.lagEvents, 0)
    await runner.stop()
  })

  test('can give up, and does not wait for one that is stopped', async () => {
    const { newRunner, deposit, clock, progressStore } = scene()
    await progressStore.setPaused(processorName, true)
    await deposit('a')
    const runner = newRunner()
    await runner.start()
    await clock.pass(0)
    const patience = new AbortController()
    const draining = runner.drain({ signal: patience.signal })
    const givenUp = assert.rejects(draining, /enough/)
    await settle()
    patience.abort(new Error('enough'))
    await givenUp
    const other = runner.drain()
    await settle()
    await runner.stop()
    await other
  })
})

describe('a runner', () => {
  test('finds events whose wake-up was lost', async () => {
    const memory = new MemoryEventStore()
    let subscriptions = 0
    const eventStore = withHooks<EventStore>(memory, {
      subscribe: (...request) => {
        if (++subscriptions > 1) return memory.subscribe(...request)
        return { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }
      },
    })
    const { newRunner, deposit, views, clock } = scene(eventStore)
    const runner = newRunner({ leaseMs: 900 })
    await runner.start()
    await deposit('a', 2)
    await clock.pass(1200)
    assert.deepEqual([await views(), subscriptions], [{ a: [1, 2] }, 2])
    await clock.pass(60_000)
    assert.equal(subscriptions, 2, 'it is content while there is nothing new')
    await runner.stop()
  })

  test('forgets a failure when nothing is left to do', async () => {
    const { newRunner, clock, viewStore } = scene()
    let isAway = false
    const progressStore = withHooks<ProgressStore>(viewStore.progressStore, {
      renewClaim: async (...request) =>
        isAway ? assert.fail('the store is away') : viewStore.progressStore.renewClaim(...request),
    })
    const runner = newRunner({ views: withHooks<ViewStore>(viewStore, { progressStore }), leaseMs: 900 })
    await runner.start()
    await clock.pass(0)
    isAway = true
    await clock.pass(600)
    assert.deepEqual([runner.status.state, runner.status.lastError], ['retrying', 'the store is away'])
    isAway = false
    await clock.pass(2000)
    const { state, failures, lastError } = runner.status
    assert.deepEqual([state, failures, lastError], ['running', 0, undefined])
    await runner.stop()
  })

  test('is stopped at any await, and started again, without a loss', async () => {
    for (let turns = 0; turns < 60; turns++) {
      const { newRunner, deposit, views } = scene()
      await deposit('a', 4)
      await deposit('b', 3)
      const runner = newRunner({ batchSize: 2, eventsPerCheckpoint: 3, nextTurn: async () => undefined })
      const starting = runner.start()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const stopping = runner.stop()
      const again = runner.start()
      await Promise.all([starting, stopping, again])
      await runner.drain()
      await runner.stop()
      assert.deepEqual(await views(), { a: [1, 2, 3, 4], b: [5, 6, 7] }, `stopped after ${turns} turns`)
    }
  })

  test('takes no options that it does not understand', async () => {
    const { newRunner } = scene()
    const wrong = [
      { batchSize: 0 },
      { leaseMs: 1.5 },
      { mostHeldSequences: 0 },
      { failures: { maxAttempts: 0 } },
      { failures: { retryDelay: { firstMs: Number.NaN, mostMs: 1 } } },
      { failures: { attempts: 5 } },
      { retryDelay: { firstMs: 1, mostMs: 1 } },
    ]
    for (const options of wrong) await errorOf(() => newRunner(options as object), 'invalid-option')
  })
})
