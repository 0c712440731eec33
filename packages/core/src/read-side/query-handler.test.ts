import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ValidationError } from '../errors/input-errors.ts'
import type { ConsistencyTimeoutError } from '../errors/store-errors.ts'
import { account, appendDeposits, errorOf, settle, shape } from '../sample-account.test.ts'
import { defineProjection, type ProjectionDefinition } from './projection.ts'
import { defineQuery, type Query, type QueryDefinition } from './query.ts'
import { QueryHandler } from './query-handler.ts'
import { type BalanceView, balances, openBalances } from './sample-balances.test.ts'

type ById = { readonly id: string }

const getBalance = defineQuery('GetBalance', {
  parameters: shape<ById>({ id: 'string' }),
  result: shape<BalanceView>({ owner: 'string', balance: 'number' }),
  handle: ({ id }, read) => read(balances).get(id),
})

function open(queries: readonly QueryDefinition[] = [getBalance as QueryDefinition]) {
  const opened = openBalances()
  const projections = [balances as ProjectionDefinition]
  return { ...opened, handler: new QueryHandler({ viewStore: opened.viewStore, projections, queries }) }
}

describe('a query handler', () => {
  test('answers from the views; what does not exist is undefined', async () => {
    const { handler, eventStore, runner, caughtUp } = open()
    await appendDeposits(eventStore, 'a-1', 5)
    await runner.start()
    await caughtUp()
    await runner.stop()
    assert.deepEqual(await handler.handle(getBalance.query({ id: 'a-1' })), { owner: '', balance: 5 })
    assert.equal(await handler.handle(getBalance.query({ id: 'nobody' })), undefined)
  })

  test('lets a query read what its sender wrote', async () => {
    const { handler, eventStore, runner } = open()
    await runner.start()
    for (let balance = 1; balance <= 50; balance++) {
      const { position } = await appendDeposits(eventStore, 'a-1', 1)
      const query = getBalance.query({ id: 'a-1' }, { afterPosition: position, waitMs: 30_000 })
      assert.deepEqual(await handler.handle(query), { owner: '', balance })
    }
    await runner.stop()
  })

  test('waits until the view is there, and not longer', async () => {
    const { handler, eventStore, viewStore, runner } = open()
    await viewStore.openView(balances)
    const { position } = await appendDeposits(eventStore, 'a-1', 5)
    let isAnswered = false
    const query = getBalance.query({ id: 'a-1' }, { afterPosition: position, waitMs: 30_000 })
    const answering = handler.handle(query).finally(() => {
      isAnswered = true
    })
    await settle()
    assert.equal(isAnswered, false)
    await runner.start()
    assert.deepEqual(await answering, { owner: '', balance: 5 })
    await runner.stop()
  })

  test('says how far the view is when it does not come in time', async () => {
    const { handler, eventStore, runner, caughtUp } = open()
    await appendDeposits(eventStore, 'a-1', 5)
    await runner.start()
    await caughtUp()
    await runner.stop()
    for (const waitMs of [0, 1]) {
      const query = getBalance.query({ id: 'a-1' }, { afterPosition: 9, waitMs })
      const error = (await errorOf(handler.handle(query), 'consistency-timeout')) as ConsistencyTimeoutError
      assert.deepEqual([error.view, error.wantedPosition, error.reachedPosition], ['BalanceView', 9, 1])
    }
    assert.notEqual(await handler.handle(getBalance.query({ id: 'a-1' }, { afterPosition: 1, waitMs: 0 })), undefined)
  })

  test('stops waiting when the signal says so', async () => {
    const { handler, viewStore } = open()
    await viewStore.openView(balances)
    const abort = new AbortController()
    const query = getBalance.query({ id: 'a-1' }, { afterPosition: 9, waitMs: 30_000 })
    const answering = handler.handle(query, { signal: abort.signal })
    await settle()
    abort.abort()
    await assert.rejects(answering, { name: 'AbortError' })
  })

  test('refuses what it does not know', async () => {
    const { handler } = open()
    const unknown = await errorOf(handler.handle({ queryType: 'GetOwner', parameters: {} }), 'unknown-query')
    assert.equal(unknown.message, "There is no query 'GetOwner'. Known: GetBalance.")
    const misspelled = { ...getBalance.query({ id: 'a-1' }), afterPostion: 5 } as Query
    assert.match((await errorOf(handler.handle(misspelled), 'invalid-option')).message, /'afterPostion' is unknown/)
    for (const wrong of [{ afterPosition: -1 }, { afterPosition: 1.5 }, { waitMs: -1 }, { waitMs: 30_001 }]) {
      await errorOf(handler.handle(getBalance.query({ id: 'a-1' }, wrong)), 'invalid-option')
    }
    const invalid = handler.handle({ queryType: 'GetBalance', parameters: { id: 5 } })
    const { issues } = (await errorOf(invalid, 'validation')) as ValidationError
    assert.deepEqual(issues, [{ pointer: '/id', message: 'must be a string' }])
  })

  test('reads no view that it was not given', async () => {
    const secret = defineProjection('Secret', {
      from: [account],
      schema: shape<ById>({ id: 'string' }),
      on: { Opened: () => undefined },
    })
    const spy = defineQuery('Spy', {
      parameters: shape<ById>({ id: 'string' }),
      result: shape<ById>({ id: 'string' }),
      handle: ({ id }, read) => read(secret).get(id),
    })
    const { handler } = open([spy as QueryDefinition])
    const error = await errorOf(handler.handle(spy.query({ id: 'x' })), 'unknown-view')
    assert.equal(error.message, "There is no view 'Secret'. Known: BalanceView.")
  })

  test('refuses two queries with the same name, and names that are no names', async () => {
    await errorOf(() => open([getBalance as QueryDefinition, getBalance as QueryDefinition]), 'invalid-definition')
    const { parameters, result, handle } = getBalance
    await errorOf(() => defineQuery('Get Balance', { parameters, result, handle }), 'invalid-definition')
    const misspelled = { parameters, result, handle, parameter: 1 }
    await errorOf(() => defineQuery('GetBalance', misspelled), 'invalid-option')
  })
})

describe('a read model', () => {
  test('reads documents by id, by index, in pages and in numbers', async () => {
    const answers: unknown[] = []
    const ask = defineQuery('Ask', {
      parameters: shape<object>({}),
      result: shape<object>({}),
      handle: async (_, read) => {
        const model = read(balances)
        answers.push(
          await model.getMany(['c', 'nobody', 'a', 'a']),
          await model.find('balance', { from: 2 }),
          await model.findRows('balance', { equals: 1 }),
          await model.list({ afterId: 'a', limit: 1 }),
          await model.count(),
          await model.count('owner', ''),
          await model.get('half \ud800'),
        )
        return {}
      },
    })
    const { handler, eventStore, runner, caughtUp } = open([ask as QueryDefinition])
    await appendDeposits(eventStore, 'a', 1)
    await appendDeposits(eventStore, 'b', 2)
    await appendDeposits(eventStore, 'c', 3)
    await appendDeposits(eventStore, 'half \ufffd', 0)
    await runner.start()
    await caughtUp()
    await runner.stop()
    await handler.handle(ask.query({}))
    const [a, b, c, half] = [1, 2, 3, 0].map((balance) => ({ owner: '', balance }))
    const byBalance = [{ value: 1, id: 'a', view: a }]
    assert.deepEqual(answers, [[c, a, a], [b, c], byBalance, [{ id: 'b', view: b }], 4, 4, half])
  })
})
