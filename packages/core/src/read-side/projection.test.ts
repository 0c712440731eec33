import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { type Amount, account, errorOf, shape } from '../sample-account.test.ts'
import { defineAggregate } from '../write-side/aggregate.ts'
import { defineProjection, type ProjectionOptions } from './projection.ts'
import { ProjectionProcessor } from './projection-processor.ts'
import { type BalanceView, balances, openBalances } from './sample-balances.test.ts'

const schema = shape<BalanceView>({ owner: 'string', balance: 'number' })
const options = { from: [account], schema, on: { Opened: () => undefined } }

/** Another aggregate with an event of the same name, which has had another form before. */
const purse = defineAggregate('Purse', {
  events: { Deposited: shape<Amount>({ amount: 'number' }), Lost: shape<Amount>({ amount: 'number' }) },
  commands: {},
  initialState: null,
  decide: {},
  apply: { Deposited: () => null, Lost: () => null },
  upcasters: { Deposited: [(data) => ({ amount: (data as { readonly cents: number }).cents / 100 })] },
})

describe('a projection definition', () => {
  test('asks for exactly the events that it handles', () => {
    assert.deepEqual(balances.subjectPatterns, ['events.Account.Opened', 'events.Account.Deposited'])
    const both = defineProjection('Both', {
      from: [account, purse],
      schema,
      on: { Deposited: () => undefined, Lost: () => undefined },
    })
    const expected = ['events.Account.Deposited', 'events.Purse.Deposited', 'events.Purse.Lost']
    assert.deepEqual(both.subjectPatterns, expected)
    assert.deepEqual([both.version, both.indexes], [1, {}])
  })

  test('that contradicts itself is refused with what is wrong', async () => {
    const wrong: readonly (readonly [string, object, RegExp])[] = [
      ['View', { on: {} }, /'on' must handle at least one event/],
      [
        'View',
        { on: { Closed: () => undefined } },
        /no source defines the event Closed. Known: Opened, Deposited, Withdrawn/,
      ],
      ['View', { on: { constructor: () => undefined } }, /no source defines the event constructor/],
      ['View', { from: [] }, /no source defines the event Opened/],
      ['a view', {}, /the name "a view" must be a letter/],
      ['View', { indexes: { 'by.owner': () => 1 } }, /the name "by.owner" must be a letter/],
    ]
    for (const [viewName, part, message] of wrong) {
      const define = () => defineProjection(viewName, { ...options, ...part } as typeof options)
      assert.match((await errorOf(define, 'invalid-definition')).message, message)
    }
    for (const part of [{ handlers: {} }, { version: 0 }, { version: 1.5 }]) {
      await errorOf(() => defineProjection('View', { ...options, ...part } as typeof options), 'invalid-option')
    }
  })
})

describe('a projection', () => {
  test('gets events of several aggregates in one order, in their newest form', async () => {
    const seen: unknown[] = []
    const both = defineProjection('Both', {
      from: [account, purse],
      schema,
      on: {
        Opened: ({ aggregateType, data }) => void seen.push([aggregateType, data]),
        Deposited: ({ aggregateType, data }) => void seen.push([aggregateType, data]),
      },
    } satisfies ProjectionOptions<typeof account | typeof purse, BalanceView, never>)
    const eventStore = new MemoryEventStore()
    const append = (aggregateType: string, eventType: string, eventData: object, schemaVersion = 1) =>
      eventStore.appendEvents({ aggregateType, aggregateId: 'x' }, [{ eventType, eventData, schemaVersion }], {
        expectedVersion: 'any',
      })
    await append('Account', 'Opened', { owner: 'Ada' })
    await append('Purse', 'Deposited', { cents: 250 })
    await append('Purse', 'Lost', { amount: 1 })
    await append('Account', 'Deposited', { amount: 3 })
    await append('Purse', 'Deposited', { amount: 4 }, 2)
    const viewStore = new MemoryViewStore()
    const { runner } = openBalances({ eventStore, viewStore, processor: new ProjectionProcessor(both, viewStore) })
    await runner.start()
    while ((await viewStore.getCheckpoint(both)) < 5) await viewStore.committed.wait(viewStore.committed.count)
    await runner.stop()
    assert.deepEqual(seen, [
      ['Account', { owner: 'Ada' }],
      ['Purse', { amount: 2.5 }],
      ['Account', { amount: 3 }],
      ['Purse', { amount: 4 }],
    ])
  })

  test('may look documents up, and each event waits for the one before', async () => {
    const ranking = defineProjection('Ranking', {
      from: [account],
      schema: shape<{ readonly place: number }>({ place: 'number' }),
      indexes: { place: ({ place }) => place },
      on: {
        Opened: async ({ aggregateId }, views) => {
          const last = await views.get('last')
          const place = (last?.place ?? 0) + 1
          await new Promise(setImmediate)
          assert.deepEqual(await views.find('place', place), [])
          views.set('last', { place })
          views.set(aggregateId, { place })
        },
      },
    })
    const eventStore = new MemoryEventStore()
    for (let index = 1; index <= 20; index++) {
      const aggregate = { aggregateType: 'Account', aggregateId: `a-${index}` }
      await eventStore.appendEvents(aggregate, [{ eventType: 'Opened', eventData: { owner: 'x' } }], {
        expectedVersion: 0,
      })
    }
    for (const batchSize of [1, 7, 100]) {
      const viewStore = new MemoryViewStore()
      const processor = new ProjectionProcessor(ranking, viewStore)
      const { runner } = openBalances({ eventStore, viewStore, processor, batchSize })
      await runner.start()
      while ((await viewStore.getCheckpoint(ranking)) < 20) await viewStore.committed.wait(viewStore.committed.count)
      await runner.stop()
      const places = await viewStore.find(ranking, 'place')
      assert.deepEqual(
        places.map(({ id }) => id),
        [...Array.from({ length: 20 }, (_, index) => `a-${index + 1}`), 'last'],
      )
    }
  })
})
