/** A projection of accounts for the tests of the read side. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventProcessor } from '../event-processing/event-processor.ts'
import { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { ProcessorRunnerOptions } from '../event-processing/processor-runner-options.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryProgressStore } from '../memory/memory-progress-store.ts'
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

/** A processor that fails as a whole so often at an event, and notes what it has seen and saved. */
export function flaky(failsAt: number, times: number) {
  const seen: number[] = []
  const saved: number[] = []
  const progressStore = new MemoryProgressStore()
  let failures = 0
  const processor: EventProcessor = {
    processorName: 'Flaky',
    subjectPatterns: ['events.>'],
    progressStore,
    getCheckpoint: async () => saved.at(-1) ?? 0,
    process: async (events) => {
      for (const { position } of events) {
        if (position === failsAt && failures++ < times) throw new Error(`failure ${failures}`)
        seen.push(position)
      }
      return { unsavedEffects: 0, failures: [] }
    },
    saveCheckpoint: async (save) => {
      await progressStore.saveProgress(save)
      saved.push(save.position)
    },
  }
  const reached = async (position: number) => {
    while ((saved.at(-1) ?? 0) < position) await new Promise(setImmediate)
  }
  return { processor, progressStore, seen, saved, reached }
}

/** @returns an event store with deposits of these amounts to one account */
export async function filled(...amounts: readonly number[]): Promise<MemoryEventStore> {
  const eventStore = new MemoryEventStore()
  for (const amount of amounts) await appendDeposits(eventStore, 'a-1', amount)
  return eventStore
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
