import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemorySnapshotStore } from '../memory/memory-snapshot-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { defineQuery, type QueryDefinition } from '../read-side/query.ts'
import { type BalanceView, balances } from '../read-side/sample-balances.test.ts'
import { a1, account, accountDefinition, errorOf, shape } from '../sample-account.test.ts'
import { Application } from './application.ts'
import type { ApplicationOptions } from './application-options.ts'

const getBalance = defineQuery('GetBalance', {
  parameters: shape<{ readonly id: string }>({ id: 'string' }),
  result: shape<BalanceView>({ owner: 'string', balance: 'number' }),
  handle: ({ id }, read) => read(balances).get(id),
})

function open(options: Partial<ApplicationOptions> = {}): Application {
  return new Application({
    eventStore: new MemoryEventStore(),
    viewStore: new MemoryViewStore(),
    snapshotStore: new MemorySnapshotStore(),
    aggregates: [accountDefinition],
    projections: [balances as ProjectionDefinition],
    queries: [getBalance as QueryDefinition],
    repository: { snapshotEvery: 2 },
    ...options,
  })
}

const waitMs = 30_000

describe('an application', () => {
  test('takes commands in, keeps events, and answers queries from views', async () => {
    await using application = open()
    await application.start()
    await application.dispatch(account.command('Open', { owner: 'Ada' }, { aggregateId: a1 }))
    const deposit = account.command('Deposit', { amount: 5 }, { aggregateId: a1, commandId: 'c-1' })
    const { position } = await application.dispatch(deposit)
    const answer = await application.query(getBalance, { id: a1 }, { afterPosition: position, waitMs })
    assert.deepEqual(answer, { owner: 'Ada', balance: 5 })
    const query = { queryType: 'GetBalance', parameters: { id: a1 }, afterPosition: position, waitMs }
    assert.deepEqual(await application.answer(query), answer)
    assert.deepEqual(
      application.processors.map(({ processorName, state, failures }) => ({ processorName, state, failures })),
      [{ processorName: 'BalanceView@1', state: 'running', failures: 0 }],
    )
  })

  test('shows the past of any aggregate', async () => {
    const application = open()
    await application.dispatch(account.command('Open', { owner: 'Ada' }, { aggregateId: a1 }))
    await application.dispatch(account.command('Deposit', { amount: 5 }, { aggregateId: a1 }))
    const { state } = await application.stateAt('Account', a1, { version: 1 })
    assert.deepEqual(state, { owner: 'Ada', balance: 0 })
    const history = await application.historyOf('Account', a1, { fromVersion: 2 })
    assert.deepEqual(history[0]?.differences, [{ pointer: '/balance', kind: 'changed', before: 0, after: 5 }])
    await errorOf(application.stateAt('constructor', a1), 'unknown-aggregate-type')
    await errorOf(application.historyOf('account', a1), 'unknown-aggregate-type')
  })

  test('stops its processors, and goes on when it is started again', async () => {
    const application = open()
    await application.start()
    await application.stop()
    assert.equal(application.processors[0]?.state, 'stopped')
    const { position } = await application.dispatch(account.command('Open', { owner: 'Ada' }, { aggregateId: a1 }))
    const now = { afterPosition: position, waitMs: 0 }
    await errorOf(application.query(getBalance, { id: a1 }, now), 'consistency-timeout')
    await application.start()
    const later = { afterPosition: position, waitMs }
    assert.deepEqual(await application.query(getBalance, { id: a1 }, later), { owner: 'Ada', balance: 0 })
    await application.stop()
    await application.stop()
  })

  test('does not take the same thing twice, or an option that it does not know', async () => {
    const twice = [accountDefinition, accountDefinition]
    const both = [balances as ProjectionDefinition, balances as ProjectionDefinition]
    const same = [getBalance as QueryDefinition, getBalance as QueryDefinition]
    for (const options of [{ aggregates: twice }, { projections: both }, { queries: same }]) {
      await errorOf(() => open(options), 'invalid-definition')
    }
    await errorOf(() => open({ snapshots: 5 } as Partial<ApplicationOptions>), 'invalid-option')
  })
})
