import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CheckpointAheadError } from '../errors/store-errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { balances, filled, flaky, openBalances } from '../read-side/sample-balances.test.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import { appendDeposits, errorOf, settle, withHooks } from '../sample-account.test.ts'
import type { ProcessorStatus } from './processor-status.ts'
import { retryDelayMs } from './retry-delay.ts'

/** So short that a test need not wait. */
const atOnce = { retryDelay: { firstMs: 0, mostMs: 0 } }

describe('a processor that meets a failure', () => {
  test('tries a batch that failed again, tells of it, and goes on', async () => {
    const { processor, seen, saved, reached } = flaky(2, 3)
    const told: (readonly [string, ProcessorStatus['state'], number, number])[] = []
    const { runner } = openBalances({
      eventStore: await filled(1, 2, 3),
      processor,
      failures: atOnce,
      onError: (error, { state, failures, position }) => told.push([String(error), state, failures, position]),
    })
    await runner.start()
    await reached(3)
    await settle()
    assert.deepEqual(told, [
      ['Error: failure 1', 'retrying', 1, 0],
      ['Error: failure 2', 'retrying', 2, 0],
      ['Error: failure 3', 'retrying', 3, 0],
    ])
    const { state, failures, lastError, position } = runner.status
    assert.deepEqual(
      { state, failures, lastError, position },
      { state: 'running', failures: 0, lastError: undefined, position: 3 },
    )
    assert.deepEqual(seen, [1, 1, 1, 1, 2, 3], 'effects that were not saved are made again')
    assert.deepEqual(saved, [3])
    await runner.stop()
    assert.equal(runner.status.state, 'stopped')
  })

  test('makes no effect twice when its commit fails', async () => {
    const memory = new MemoryViewStore()
    let commits = 0
    const viewStore = withHooks<ViewStore>(memory, {
      commit: async (view, commit) => {
        // Before the commit, after it, and not at all.
        if (++commits === 1) throw new Error('The disk is full.')
        await memory.commit(view, commit)
        if (commits === 2) throw new Error('The answer was lost.')
      },
    })
    const eventStore = await filled(1, 2, 3)
    const { runner, caughtUp } = openBalances({ eventStore, viewStore, failures: atOnce })
    await runner.start()
    await caughtUp()
    await appendDeposits(eventStore, 'a-1', 4)
    await caughtUp()
    await runner.stop()
    assert.deepEqual((await memory.list(balances))[0]?.view, { owner: '', balance: 10 })
  })

  test('makes no effect twice when two run over the same view', async () => {
    const eventStore = await filled(1, 2, 3)
    const viewStore = new MemoryViewStore()
    const runners = [1, 2].map(() => openBalances({ eventStore, viewStore, failures: atOnce, batchSize: 2 }))
    await Promise.all(runners.map(({ runner }) => runner.start()))
    for (let round = 0; round < 50; round++) {
      await appendDeposits(eventStore, 'a-1', 1)
      if (round % 7 === 0) await new Promise(setImmediate)
    }
    await runners[0]?.caughtUp()
    await Promise.all(runners.map(({ runner }) => runner.stop()))
    assert.deepEqual((await viewStore.list(balances))[0]?.view, { owner: '', balance: 56 })
  })

  test('stops at once while it waits to try again', async () => {
    const { processor } = flaky(1, 1000)
    const failed = Promise.withResolvers<void>()
    const { runner } = openBalances({
      eventStore: await filled(1),
      processor,
      failures: { retryDelay: { firstMs: 1_000_000, mostMs: 1_000_000 } },
      onError: () => failed.resolve(),
    })
    await runner.start()
    await failed.promise
    await runner.stop()
    assert.equal(runner.status.state, 'stopped')
  })

  test('does not start on a checkpoint beyond the end of the event store', async () => {
    const viewStore = new MemoryViewStore()
    await viewStore.openView(balances)
    await viewStore.commit(balances, { expectedCheckpoint: 0, position: 9, changes: [] })
    const { runner } = openBalances({ eventStore: await filled(1, 2), viewStore })
    const error = (await errorOf(runner.start(), 'checkpoint-ahead')) as CheckpointAheadError
    assert.deepEqual([error.processor, error.checkpoint, error.head], ['BalanceView@1', 9, 2])
    assert.equal(runner.status.state, 'stopped')
  })

  test('survives an event store that fails for a while', async () => {
    const memory = await filled(1, 2, 3)
    let reads = 0
    const eventStore = withHooks<EventStore>(memory, {
      subscribe: (...subscription) => {
        if (++reads < 4) throw new Error('The store is away.')
        return memory.subscribe(...subscription)
      },
    })
    const { runner, viewStore, caughtUp } = openBalances({ eventStore, failures: atOnce })
    await runner.start()
    await caughtUp()
    await runner.stop()
    assert.deepEqual((await viewStore.list(balances))[0]?.view, { owner: '', balance: 6 })
  })
})

describe('the wait before another attempt', () => {
  test('doubles up to its limit, and is shortened at random by up to a half', () => {
    const delay = { firstMs: 100, mostMs: 30_000 }
    const waits = (random: number) => [1, 2, 3, 9, 10, 1000].map((failures) => retryDelayMs(delay, failures, random))
    assert.deepEqual(waits(0), [100, 200, 400, 25_600, 30_000, 30_000])
    assert.deepEqual(waits(0.5), [75, 150, 300, 19_200, 22_500, 22_500])
    assert.equal(retryDelayMs({ firstMs: 0, mostMs: 0 }, 5, 0.3), 0)
  })
})
