import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Application, defineProjection, defineQuery, hasErrorCode, type QueryDefinition } from '@cim/core'
import fc from 'fast-check'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import {
  account,
  anything,
  type Balance,
  balances,
  deposit,
  documents,
  inline,
  pathOf,
} from './test-support/inline-balances.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

describe('an in-line view', () => {
  test('has changed when the append that changes it is acknowledged', async (context) => {
    const path = pathOf(context)
    await using eventStore = new SqliteEventStore({ path, inlineProjections: inline })
    await using viewStore = new SqliteViewStore({ path: `${path}-views` })
    const getBalance = defineQuery('GetBalance', {
      parameters: anything<{ readonly id: string }>(),
      result: anything<Balance>(),
      handle: ({ id }, read) => read(balances).get(id),
    })
    const { inlineViews } = eventStore
    assert.ok(inlineViews !== undefined)
    const application = new Application({
      eventStore,
      viewStore,
      aggregates: [account as never],
      inlineViews,
      queries: [getBalance as QueryDefinition],
    })
    await using _ = application
    await application.start()
    for (let count = 1; count <= 20; count++) {
      const command = account.command('Deposit', { amount: 2 }, { aggregateId: account.id('ada') })
      const { position } = await application.dispatch(command)
      const found = await application.query(getBalance, { id: 'ada' }, { afterPosition: position })
      assert.equal(found?.balance, 2 * count)
    }
    const past = await application.query(getBalance, { id: 'ada' }, { asOf: { position: 3 } })
    assert.equal(past?.balance, 6)
    const watched = application.watch(getBalance.query({ id: 'ada' }))[Symbol.asyncIterator]()
    assert.deepEqual((await watched.next()).value?.result, await application.query(getBalance, { id: 'ada' }))
    await application.dispatch(account.command('Deposit', { amount: 60 }, { aggregateId: account.id('ada') }))
    const { value: changed } = await watched.next()
    assert.deepEqual([(changed?.result as Balance | undefined)?.balance, changed?.position], [100, 21])
    await watched.return?.()
    await using branch = await application.branch({ position: 5 })
    await branch.dispatch(account.command('Deposit', { amount: 100 }, { aggregateId: account.id('ada') }))
    assert.equal((await branch.query(getBalance, { id: 'ada' }, { afterPosition: 6 }))?.balance, 110)
    assert.equal((await application.query(getBalance, { id: 'ada' }))?.balance, 100)
    assert.equal(await inlineViews.viewStore.count(balances, 'parity', 0), 1)
  })

  test('that cannot take an event refuses its append alone, and nothing of it is stored', async (context) => {
    const path = pathOf(context)
    const store = new SqliteEventStore({ path, inlineProjections: inline })
    const outcomes = await Promise.allSettled([
      deposit(store, 'ada', 1, 2),
      deposit(store, 'ada', 4, 13),
      deposit(store, 'bob', 8),
      deposit(store, 'eve', 13),
    ])
    assert.deepEqual(
      outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? outcome.value.version : hasErrorCode(outcome.reason, 'inline-projection'),
      ),
      [2, true, 1, true],
    )
    assert.deepEqual(await documents(store), [
      ['ada', 3],
      ['bob', 8],
    ])
    assert.equal(await store.headPosition(), 3)
    assert.match(
      String((outcomes[1] as PromiseRejectedResult).reason),
      /In-line view Balances@1: Deposited of Person "ada" cannot be projected \(Thirteen\.\)\. Nothing was stored/,
    )
    assert.equal((await deposit(store, 'eve', 5)).version, 1)
    assert.equal((await store.verify()).problemCount, 0)
    await store.close()
    await using reopened = new SqliteEventStore({ path, inlineProjections: inline })
    assert.deepEqual(await documents(reopened), [
      ['ada', 3],
      ['bob', 8],
      ['eve', 5],
    ])
  })

  test('takes over what is there when it is new, and what came while it was not declared', async (context) => {
    const path = pathOf(context)
    for (const [index, inlineProjections] of [[], inline, [], inline].entries()) {
      await using store = new SqliteEventStore({ path, inlineProjections })
      if (inlineProjections.length === 0) assert.equal(store.inlineViews, undefined)
      else assert.deepEqual(await documents(store), [['ada', 3 * index]])
      await deposit(store, 'ada', 1, 2)
      if (inlineProjections.length > 0) assert.deepEqual(await documents(store), [['ada', 3 * index + 3]])
    }
  })

  test('must do without waiting and without looking documents up', async (context) => {
    const path = pathOf(context)
    for (const [index, [handler, message]] of (
      [
        [async () => undefined, /asynchronous/],
        [(_: unknown, views: { get(id: string): unknown }) => views.get('ada'), /asynchronous|look documents up/],
        [(_: unknown, views: { get(id: string): unknown }) => void views.get('ada'), /cannot look documents up/],
        [
          (_: unknown, views: { set(id: string, view: unknown): void }) => views.set('x', { at: new Date() }),
          /plain JSON/,
        ],
      ] as const
    ).entries()) {
      const projection = defineProjection(`Wrong${index}`, {
        from: [account],
        schema: anything<unknown>(),
        on: { Deposited: handler as never },
      })
      await using store = new SqliteEventStore({ path: `${path}${index}`, inlineProjections: [projection as never] })
      await assert.rejects(deposit(store, 'ada', 1), message)
      assert.equal(await store.headPosition(), 0)
    }
  })

  test('takes no change that a handler asks for after it has returned', async (context) => {
    const late: unknown[] = []
    const attempts: Promise<void>[] = []
    const projection = defineProjection('Late', {
      from: [account],
      schema: anything<{ readonly sum: number }>(),
      on: {
        Deposited: ({ aggregateId, data }, views) => {
          const add = () => views.update(aggregateId, (before) => ({ sum: (before?.sum ?? 0) + data.amount }))
          add()
          const later = async (): Promise<void> => {
            await undefined
            try {
              add()
            } catch (error) {
              late.push(hasErrorCode(error, 'late-change'))
            }
          }
          const attempt = later()
          attempts.push(attempt)
          // The first is refused for being asynchronous; the second keeps its views for later.
          return data.amount === 100 ? attempt : undefined
        },
      },
    })
    await using store = new SqliteEventStore({ path: pathOf(context), inlineProjections: [projection as never] })
    await assert.rejects(deposit(store, 'ada', 100), /asynchronous/)
    await deposit(store, 'bob', 1)
    await Promise.all(attempts)
    await deposit(store, 'eve', 0)
    await Promise.all(attempts)
    const rows = await store.inlineViews?.viewStore.list(projection as never)
    assert.deepEqual(rows, [
      { id: 'bob', view: { sum: 1 } },
      { id: 'eve', view: { sum: 0 } },
    ])
    assert.deepEqual(late, [true, true, true])
  })

  test('always equals what its events make, whatever is refused', async (context) => {
    const amounts = fc.array(fc.constantFrom(0, 1, 2, 3, 13), { minLength: 1, maxLength: 3 })
    const appends = fc.array(fc.tuple(fc.constantFrom('ada', 'bob', 'eve'), amounts), { maxLength: 12 })
    const turns = fc.array(appends, { maxLength: 5 })
    let run = 0
    await fc.assert(
      fc.asyncProperty(turns, async (groups) => {
        const path = `${temporaryFolder(context)}/${++run}.db`
        const expected = new Map<string, number>()
        let head = 0
        const store = new SqliteEventStore({ path, inlineProjections: inline })
        for (const group of groups) {
          const outcomes = await Promise.allSettled(group.map(([id, some]) => deposit(store, id, ...some)))
          for (const [index, [id, some]] of group.entries()) {
            assert.equal(outcomes[index]?.status, some.includes(13) ? 'rejected' : 'fulfilled')
            if (some.includes(13)) continue
            head += some.length
            for (const amount of some) {
              if (amount === 0) expected.delete(id)
              else expected.set(id, (expected.get(id) ?? 0) + amount)
            }
          }
          const sorted = [...expected].sort(([one], [other]) => (one < other ? -1 : 1))
          assert.deepEqual(await documents(store), sorted)
          assert.equal(await store.headPosition(), head)
        }
        await store.close()
      }),
      { numRuns: 40 },
    )
  })
})
