/** An application whose view cannot take some events, for the tests of operations. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { defineProjection, type ProjectionDefinition } from '../read-side/projection.ts'
import { account, accountDefinition, appendDeposits, shape } from '../sample-account.test.ts'
import { Application } from './application.ts'

type Sum = { readonly sum: number }

/** @returns a started application, and what a test steers it with */
export async function openOperations() {
  const poison = new Set<number>()
  const sums = defineProjection('SumView', {
    from: [account],
    schema: shape<Sum>({ sum: 'number' }),
    on: {
      Deposited: ({ aggregateId, data }, views) => {
        if (poison.has(data.amount)) throw new RangeError(`${data.amount} brings bad luck`)
        views.update(aggregateId, (view) => ({ sum: (view?.sum ?? 0) + data.amount }))
      },
    },
  })
  const eventStore = new MemoryEventStore()
  const viewStore = new MemoryViewStore()
  const application = new Application({
    eventStore,
    viewStore,
    aggregates: [accountDefinition],
    projections: [sums as ProjectionDefinition],
    processors: { failures: { maxAttempts: 1 } },
  })
  const name = 'SumView@1'
  const { processing } = application
  return {
    application,
    eventStore,
    viewStore,
    processing,
    name,
    poison,
    deposit: (aggregateId: string, ...amounts: readonly number[]) =>
      appendDeposits(eventStore, aggregateId, ...amounts),
    /** Waits until so much is held back, and everything else is processed. */
    async held(sequences: number, events: number) {
      await processing.drain(name)
      for (;;) {
        const seen = viewStore.committed.count
        const counts = await viewStore.progressStore.countDeadLetters(name)
        if (counts.parkedSequences === sequences && counts.events === events && counts.retryingSequences === 0) return
        await viewStore.committed.wait(seen)
      }
    },
    async sums() {
      const rows = await viewStore.list(sums)
      return Object.fromEntries(rows.map(({ id, view }) => [id, (view as Sum).sum]))
    },
  }
}

if (import.meta.main) {
  test('the sample view takes what is no poison', async () => {
    const { application, poison, deposit, held, sums } = await openOperations()
    poison.add(13)
    await application.start()
    await deposit('a-1', 13, 1)
    await deposit('a-2', 2)
    await held(1, 2)
    assert.deepEqual(await sums(), { 'a-2': 2 })
    await application.stop()
  })
}
