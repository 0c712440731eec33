/** A projection of accounts for the tests of the read side. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProcessorRunner, type ProcessorRunnerOptions } from '../event-processing/processor-runner.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { account, appendDeposits, shape, withHooks } from '../sample-account.test.ts'
import { waitForPosition } from './consistency.ts'
import { defineProjection } from './projection.ts'
import { ProjectionProcessor } from './projection-processor.ts'
import type { ViewStore } from './view-store.ts'

export type BalanceView = { readonly owner: string; readonly balance: number }

/** One document per account, found by owner and by balance. */
export const balances = defineProjection('BalanceView', {
  from: [account],
  schema: shape<BalanceView>({ owner: 'string', balance: 'number' }),
  indexes: { owner: ({ owner }) => owner, balance: ({ balance }) => balance },
  on: {
    Opened: ({ aggregateId, data }, views) => views.update(aggregateId, (view) => ({ balance: 0, ...view, ...data })),
    Deposited: ({ aggregateId, data }, views) =>
      views.update(aggregateId, (view) => ({ owner: '', ...view, balance: (view?.balance ?? 0) + data.amount })),
  },
})

/** @returns a view store that notes what is read and written */
export function watchedViews(store: ViewStore = new MemoryViewStore()) {
  const reads: (readonly string[])[] = []
  const commits: (readonly [checkpoint: number, ids: readonly string[]])[] = []
  const viewStore = withHooks<ViewStore>(store, {
    getMany: (view, ids) => {
      reads.push(ids)
      return store.getMany(view, ids)
    },
    commit: (view, commit) => {
      commits.push([commit.position, commit.changes.map(({ id }) => id)])
      return store.commit(view, commit)
    },
  })
  return { viewStore, reads, commits }
}

/** @returns stores, and a runner of the sample projection that is not yet started */
export function openBalances(options: Partial<ProcessorRunnerOptions> & { readonly viewStore?: ViewStore } = {}) {
  const { viewStore = new MemoryViewStore(), ...rest } = options
  const eventStore = rest.eventStore ?? new MemoryEventStore()
  const processor = rest.processor ?? new ProjectionProcessor(balances, viewStore)
  const runner = new ProcessorRunner({ ...rest, eventStore, processor })
  const caughtUp = async () => {
    const afterPosition = await eventStore.headPosition()
    await waitForPosition(viewStore, balances, { afterPosition, waitMs: 60_000 })
  }
  return { eventStore, viewStore, runner, caughtUp }
}

if (import.meta.main) {
  test('the sample projection adds up deposits', async () => {
    const { eventStore, viewStore, runner, caughtUp } = openBalances()
    await appendDeposits(eventStore, 'a-1', 1, 2)
    await runner.start()
    await caughtUp()
    await runner.stop()
    const documents = await viewStore.list(balances)
    assert.deepEqual(documents, [{ id: 'a-1', view: { owner: '', balance: 3 } }])
  })
}
