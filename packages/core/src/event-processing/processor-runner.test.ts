import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { balances, filled, flaky, openBalances, watchedViews } from '../read-side/sample-balances.test.ts'
import { appendDeposits, settle } from '../sample-account.test.ts'
import type { EventProcessor } from './event-processor.ts'

describe('a processor', () => {
  test('goes on when whoever is told of its failures fails too', async () => {
    const { processor, reached } = flaky(2, 2)
    const onError = () => assert.fail('the log is broken')
    const { runner } = openBalances({ eventStore: await filled(1, 2, 3), processor, onError })
    await runner.start()
    await reached(3)
    await runner.stop()
  })

  test('goes through the past, then follows what comes', async () => {
    const eventStore = await filled(1, 2, 3)
    const { runner, viewStore, caughtUp } = openBalances({ eventStore })
    await runner.start()
    await caughtUp()
    for (let amount = 4; amount <= 20; amount++) {
      await appendDeposits(eventStore, 'a-1', amount)
      if (amount % 5 === 0) await caughtUp()
    }
    await caughtUp()
    await runner.stop()
    assert.deepEqual(await viewStore.list(balances), [{ id: 'a-1', view: { owner: '', balance: 210 } }])
  })

  test('finishes the batch under way when it is stopped, and goes on from there when started again', async () => {
    const entered = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const { processor, seen, saved, reached } = flaky(0, 0)
    const slow: EventProcessor = {
      ...processor,
      process: async (events, context) => {
        entered.resolve()
        await release.promise
        return processor.process(events, context)
      },
    }
    const eventStore = await filled(1, 2, 3)
    const { runner } = openBalances({ eventStore, processor: slow })
    await runner.start()
    await entered.promise
    let isStopped = false
    const stopping = runner.stop().then(() => {
      isStopped = true
    })
    await settle()
    assert.equal(isStopped, false)
    release.resolve()
    await stopping
    assert.deepEqual([seen, saved], [[1, 2, 3], [3]])
    await appendDeposits(eventStore, 'a-1', 4)
    await settle()
    assert.deepEqual(saved, [3], 'a stopped processor does nothing')
    await runner.start()
    await runner.start()
    await reached(4)
    await runner.stop()
    assert.deepEqual(seen, [1, 2, 3, 4])
  })

  test('is stopped when it was stopped while it started', async () => {
    const eventStore = await filled(1)
    const { processor, seen } = flaky(0, 0)
    const { runner } = openBalances({ eventStore, processor })
    const starting = runner.start()
    await runner.stop()
    await starting
    await settle()
    assert.deepEqual([runner.status.state, seen], ['stopped', []])
    await runner.start()
    await settle()
    assert.equal(runner.status.state, 'running')
    await runner.stop()
  })

  test('saves one checkpoint for many batches of a backlog, and one for each that comes later', async () => {
    const eventStore = new MemoryEventStore()
    for (let round = 0; round < 10; round++) await appendDeposits(eventStore, `a-${round}`, ...Array(10).fill(1))
    const { viewStore, commits } = watchedViews()
    const { runner, caughtUp } = openBalances({ eventStore, viewStore, batchSize: 10, eventsPerCheckpoint: 40 })
    await runner.start()
    await caughtUp()
    assert.deepEqual(
      commits.map(([position, ids]) => [position, ids.length]),
      [
        [40, 4],
        [80, 4],
        [100, 2],
      ],
    )
    await appendDeposits(eventStore, 'a-1', 1)
    await caughtUp()
    assert.deepEqual(commits.at(-1), [101, ['a-1']])
    await runner.stop()
  })

  test('moves its checkpoint on over events that it does not want', async () => {
    const eventStore = new MemoryEventStore()
    for (let round = 0; round < 25; round++) {
      const other = { aggregateType: 'Other', aggregateId: 'o' }
      await eventStore.appendEvents(other, [{ eventType: 'Noted', eventData: round }], { expectedVersion: round })
    }
    const { runner, viewStore, caughtUp } = openBalances({ eventStore, batchSize: 10 })
    await runner.start()
    await caughtUp()
    await runner.stop()
    assert.deepEqual([await viewStore.getCheckpoint(balances), await viewStore.list(balances)], [25, []])
    assert.deepEqual([runner.status.position, runner.status.processedEvents], [25, 0])
  })

  test('lets everyone else run between the batches of a long backlog', async () => {
    const eventStore = new MemoryEventStore()
    for (let round = 0; round < 10; round++) await appendDeposits(eventStore, 'a-1', ...Array(100).fill(1))
    const { processor, seen, reached } = flaky(0, 0)
    const { runner } = openBalances({ eventStore, processor, batchSize: 10 })
    await runner.start()
    let turns = 0
    const counting = (async () => {
      for (; seen.length < 1000; turns++) await new Promise(setImmediate)
    })()
    await reached(1000)
    await counting
    await runner.stop()
    assert.ok(turns >= 50, `only ${turns} turns for others during 100 batches`)
  })
})
