/** What holds for any events, however they are batched and whatever fails meanwhile: guarantee 7. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  defineProjection,
  MemoryEventStore,
  MemoryViewStore,
  ProcessorRunner,
  ProjectionProcessor,
  type Schema,
  type ViewStore,
  waitForPosition,
} from '@cim/core'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'
import { account } from './sample-account.test.ts'

type View = { readonly balance: number; readonly changes: number }

const schema: Schema<View> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as View }) },
}

/** One document per account that is not empty, and one that counts them by looking them up. */
const projection = defineProjection('Balances', {
  from: [account],
  schema,
  indexes: { balance: ({ balance }) => balance },
  on: {
    Deposited: async ({ aggregateId, data }, views) => {
      views.update(aggregateId, (view) => add(view, data.amount))
      const same = await views.find('balance', 3)
      const threes = same.filter(({ id }) => id !== 'threes').length
      views.set('threes', { balance: -1, changes: threes })
    },
    Withdrawn: ({ aggregateId }, views) => views.delete(aggregateId),
  },
})

function add(view: View | undefined, amount: number): View {
  return { balance: (view?.balance ?? 0) + amount, changes: (view?.changes ?? 0) + 1 }
}

const happening = fc.record({
  id: fc.constantFrom('a', 'b', 'c'),
  eventType: fc.constantFrom('Deposited', 'Deposited', 'Deposited', 'Withdrawn'),
  amount: fc.integer({ min: 1, max: 3 }),
})
const circumstances = fc.record({
  batchSize: fc.integer({ min: 1, max: 8 }),
  eventsPerCheckpoint: fc.integer({ min: 1, max: 20 }),
  /** Which commits fail before they change anything, and which fail after they have changed everything. */
  failures: fc.array(fc.constantFrom('fine', 'fine', 'before', 'after'), { maxLength: 20 }),
  /** After how many events of the past the projection begins. */
  begins: fc.nat(40),
})

describe('any events', () => {
  test('lead to the same views, however they are batched and whichever commits fail', async () => {
    const property = fc.asyncProperty(fc.array(happening, { maxLength: 40 }), circumstances, async (past, how) => {
      const eventStore = new MemoryEventStore()
      const memory = new MemoryViewStore()
      const viewStore = failing(memory, how.failures)
      const { batchSize, eventsPerCheckpoint } = how
      const processor = new ProjectionProcessor(projection, viewStore)
      const failures = { retryDelay: { firstMs: 0, mostMs: 0 } }
      const runner = new ProcessorRunner({ eventStore, processor, batchSize, eventsPerCheckpoint, failures })
      for (const [index, { id, eventType, amount }] of past.entries()) {
        if (index === how.begins) await runner.start()
        const event = { eventType, eventData: { amount } }
        await eventStore.appendEvents({ aggregateType: 'Account', aggregateId: id }, [event], {
          expectedVersion: 'any',
        })
        if (index % 5 === 4) await new Promise(setImmediate)
      }
      await runner.start()
      const afterPosition = await eventStore.headPosition()
      await waitForPosition(memory, projection, { afterPosition, waitMs: 30_000 })
      await runner.stop()
      const documents = (await memory.list(projection)).map(({ id, view }) => [id, view] as const)
      assert.deepEqual(new Map(documents), expectedViews(past))
      const balances = await memory.find(projection, 'balance')
      assert.deepEqual(
        balances.map(({ id, value }) => [id, value]).sort(),
        documents.map(([id, view]) => [id, (view as View).balance]).sort(),
      )
    })
    await checkProperty(property, 80)
  })
})

function expectedViews(
  past: readonly { readonly id: string; readonly eventType: string; readonly amount: number }[],
): ReadonlyMap<string, View> {
  const views = new Map<string, View>()
  for (const { id, eventType, amount } of past) {
    if (eventType === 'Withdrawn') views.delete(id)
    else {
      views.set(id, add(views.get(id), amount))
      views.set('threes', { balance: -1, changes: [...views.values()].filter(({ balance }) => balance === 3).length })
    }
  }
  return views
}

/** A store some of whose commits fail. */
function failing(memory: MemoryViewStore, failures: readonly string[]): ViewStore {
  let commits = 0
  const commit: ViewStore['commit'] = async (...input) => {
    const failure = failures[commits++]
    if (failure === 'before') throw new Error('The disk is full.')
    await memory.commit(...input)
    if (failure === 'after') throw new Error('The answer was lost.')
  }
  return new Proxy<ViewStore>(memory, {
    get(_, name) {
      if (name === 'commit') return commit
      const value: unknown = Reflect.get(memory, name, memory)
      return typeof value === 'function' ? value.bind(memory) : value
    },
  })
}
