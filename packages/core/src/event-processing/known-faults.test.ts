/** Faults that other systems of this kind had, reproduced one by one. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventBatch, EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { ProjectionProcessor } from '../read-side/projection-processor.ts'
import { balances } from '../read-side/sample-balances.test.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import { appendDeposits, settle, withHooks } from '../sample-account.test.ts'
import { ProcessorRunner } from './processor-runner.ts'
import { processorName, scene } from './sample-runner.test.ts'

describe('a processor', () => {
  test('goes on over positions that no event has', async () => {
    const { newRunner, deposit, views, clock, eventStore: stored } = scene()
    const eventStore = withGaps(stored)
    await deposit('a', 2)
    const runner = newRunner({ eventStore, batchSize: 1 })
    await runner.start()
    await clock.pass(0)
    await deposit('b')
    await clock.pass(0)
    await runner.drain()
    await runner.stop()
    assert.deepEqual(await views(), { a: [step, 2 * step], b: [3 * step] })
    assert.equal(runner.status.lagEvents, 0)
  })

  test('does not save a position past an event whose handler has not ended', async () => {
    const eventStore = new MemoryEventStore()
    for (const id of ['a', 'b', 'c', 'd', 'e']) await appendDeposits(eventStore, id, 1)
    const slow = Promise.withResolvers<void>()
    const viewStore = new MemoryViewStore()
    const projection = {
      ...balances,
      project: ({ aggregateId }, views) => {
        views.set(aggregateId, { owner: '', balance: 1 })
        return aggregateId === 'b' ? slow.promise : Promise.resolve()
      },
    } as ProjectionDefinition
    const newRunner = () =>
      new ProcessorRunner({ eventStore, processor: new ProjectionProcessor(projection, viewStore, { concurrency: 5 }) })
    const runner = newRunner()
    await runner.start()
    await settle()
    assert.equal((await viewStore.progressStore.readProgress('BalanceView@1'))?.position, 0)
    assert.equal(await viewStore.count(projection), 0, 'four of five workers are done, and nothing of it counts yet')
    slow.resolve()
    await runner.drain()
    await runner.stop()
    assert.equal(await viewStore.count(projection), 5)
  })

  test('parks an event once when the save that parks it is lost', async () => {
    const { newRunner, deposit, views, held, poison, clock, viewStore, progressStore } = scene()
    await deposit('a', 3)
    await deposit('b')
    poison.set(2, () => assert.fail('poison'))
    let isLost = true
    const flaky: ViewStore = withHooks<ViewStore>(viewStore, {
      commit: async (view, commit) => {
        if (isLost) assert.fail('the connection is gone')
        await viewStore.commit(view, commit)
      },
    })
    const runner = newRunner({ views: flaky, failures: { maxAttempts: 1, retryDelay: { firstMs: 10, mostMs: 10 } } })
    await runner.start()
    await clock.pass(100)
    assert.deepEqual(await held(), [])
    isLost = false
    await clock.pass(100)
    await runner.stop()
    assert.deepEqual(await held(), [['a', 'parked', 2, 3, 2, 1, 'poison']])
    assert.deepEqual(await views(), { a: [1], b: [4] })
    assert.equal((await progressStore.readProgress(processorName))?.seen.count, 4)
  })
})

const step = 7

/** @returns the store as if most positions had been given to appends that failed later */
function withGaps(store: EventStore): EventStore {
  const spread = (event: DomainEventEnvelope): DomainEventEnvelope => ({ ...event, position: event.position * step })
  async function* spreadOut(batches: AsyncIterable<EventBatch>): AsyncGenerator<EventBatch> {
    for await (const { events, position } of batches) yield { events: events.map(spread), position: position * step }
  }
  return withHooks(store, {
    headPosition: async () => (await store.headPosition()) * step,
    loadEvents: async (aggregate, options) => (await store.loadEvents(aggregate, options)).map(spread),
    subscribe: (patterns, options) =>
      spreadOut(
        store.subscribe(patterns, { ...options, afterPosition: Math.floor((options?.afterPosition ?? 0) / step) }),
      ),
  })
}
