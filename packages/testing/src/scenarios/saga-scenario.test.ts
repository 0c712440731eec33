import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deadline, defineReaction, defineSaga, MemoryEventStore, MemoryViewStore, type SagaDefinition } from '@cim/core'
import { type SagaScenarioOptions, ScenarioError, sagaScenario } from '@cim/testing'
import { account, aggregates, dayMs, transfer, transferSaga } from './sample-transfer.test.ts'

const sagas = [transferSaga as SagaDefinition]

/** Money is on account `a`, and an order to give 7 of it to account `b`. */
async function ordered(options?: Partial<SagaScenarioOptions>, amount = 7) {
  const scenario = await sagaScenario({ aggregates, sagas, ...options })
  await scenario.dispatch(account.command('Deposit', { amount: 100 }, { aggregateId: account.id('a') }))
  await scenario.dispatch(order('t-1', amount))
  return scenario
}

function order(id: string, amount: number) {
  const data = { from: 'a', to: 'b', amount }
  return transfer.command('Order', data, { aggregateId: transfer.id(id), correlationId: id })
}

describe('a scenario of sagas', () => {
  test('brings a flow to its end, and keeps its time meanwhile', async () => {
    await using scenario = await ordered()
    await scenario.settle()
    assert.equal((await scenario.saga('MoneyTransfer', 't-1'))?.status, 'Completed')
    assert.equal(await scenario.saga('MoneyTransfer', 't-2'), undefined)
    assert.deepEqual(await types(scenario.events()), ['Deposited', 'Ordered', 'Withdrawn', 'Deposited'])
    assert.deepEqual(await types(scenario.events('Withdrawn')), ['Withdrawn'])
    assert.deepEqual(await types(scenario.timeline('MoneyTransfer', 't-1')), [
      'SagaStarted',
      'EventHandled',
      'DeadlineScheduled',
      'CommandIssued',
      'CommandAccepted',
      'EventHandled',
      'CommandIssued',
      'CommandAccepted',
      'EventHandled',
      'SagaCompleted',
    ])
    const times = (await scenario.events()).map(({ timestamp }) => timestamp)
    assert.deepEqual(new Set(times), new Set(['2026-01-01T00:00:00.000Z']))
    assert.equal(scenario.now, '2026-01-01T00:00:00.000Z')
  })

  test('reaches deadlines at their own times, however far it goes at once', async () => {
    await using scenario = await ordered({ now: '2026-05-01T12:00:00.000Z' })
    await scenario.dispatch(account.command('Close', { reason: 'moved' }, { aggregateId: account.id('b') }))
    await scenario.advance({ hours: 23, minutes: 59, seconds: 59, ms: 999 })
    assert.deepEqual(await pending(scenario), ['Patience', 'TryAgain'])
    await scenario.advance({ ms: 1 })
    assert.equal(scenario.now, '2026-05-02T12:00:00.000Z')
    await scenario.advance({ days: 10 })
    const reached = (await scenario.timeline('MoneyTransfer', 't-1')).filter(
      ({ eventType }) => eventType === 'DeadlineReached',
    )
    assert.deepEqual(
      reached.map(({ timestamp, eventData }) => [timestamp, (eventData as { readonly name: string }).name]),
      [
        ['2026-05-02T12:00:00.000Z', 'TryAgain'],
        ['2026-05-03T12:00:00.000Z', 'TryAgain'],
        ['2026-05-04T12:00:00.000Z', 'Patience'],
      ],
    )
    assert.equal((await scenario.saga('MoneyTransfer', 't-1'))?.failure?.code, 'too-slow')
    const deposits = await scenario.events('Deposited')
    assert.deepEqual(
      deposits.map(({ aggregateId, eventData }) => [aggregateId, eventData]),
      [
        ['a', { amount: 100 }],
        ['a', { amount: 7 }],
      ],
    )
    assert.equal(scenario.now, '2026-05-12T12:00:00.000Z')
  })

  test('settles while an instance is stuck, and goes on when it is retried', async () => {
    await using scenario = await ordered({}, 13)
    await scenario.settle()
    const stuck = await scenario.saga('MoneyTransfer', 't-1')
    assert.deepEqual([stuck?.status, stuck?.error?.message], ['Stuck', 'Nobody can transfer 13.'])
    await scenario.application.sagas.cancel('MoneyTransfer', 't-1', 'hopeless')
    await scenario.settle()
    assert.equal((await scenario.saga('MoneyTransfer', 't-1'))?.status, 'Failed')
  })

  test('settles many instances side by side, and finds the deadlines of all', async () => {
    await using scenario = await sagaScenario({ aggregates, sagas })
    await scenario.dispatch(account.command('Deposit', { amount: 1000 }, { aggregateId: account.id('a') }))
    await scenario.dispatch(account.command('Close', { reason: 'moved' }, { aggregateId: account.id('b') }))
    await Promise.all(Array.from({ length: 250 }, (_, index) => scenario.dispatch(order(`t-${index}`, 1))))
    await scenario.settle()
    const totals = async () => (await scenario.application.sagas.overview())[0]?.totals
    assert.equal((await totals())?.Running, 250)
    await scenario.advance({ days: 3 })
    assert.equal((await totals())?.Failed, 250)
  })

  test('tells once of an event that could not be processed', async () => {
    let attempts = 0
    const letters = defineReaction('Letters', {
      from: [transfer],
      startAt: 'beginning',
      on: {
        Ordered: () => {
          attempts++
          throw new Error('The printer is on fire.')
        },
      },
    })
    await using scenario = await ordered({ reactions: [letters] })
    await assert.rejects(scenario.settle(), {
      name: 'ScenarioError',
      message: 'Letters could not process Ordered of Transfer t-1: The printer is on fire.',
    })
    assert.equal(attempts, 5)
    await scenario.settle()
    assert.equal((await scenario.saga('MoneyTransfer', 't-1'))?.status, 'Completed')
  })

  test('ends a saga that causes itself for ever', async () => {
    const restless = defineSaga('Restless', {
      from: [transfer],
      initialState: null,
      startedBy: { Ordered: ({ aggregateId }) => aggregateId },
      onDeadline: { Again: () => ({ deadlines: [deadline('Again', { afterMs: 0 })] }) },
      on: { Ordered: () => ({ deadlines: [deadline('Again', { afterMs: dayMs })] }) },
    })
    await using scenario = await ordered({ sagas: [restless as SagaDefinition], settleWithinMs: 500 })
    await scenario.settle()
    await assert.rejects(scenario.advance({ days: 2 }), (error) => {
      assert.ok(error instanceof ScenarioError)
      assert.match(error.message, /^The scenario was still at work after 500 ms, at 2026-01-02T00:00:00\.000Z\./)
      return true
    })
  })

  test('opens and closes the stores that it is given', async () => {
    const eventStore = new MemoryEventStore()
    const viewStore = new MemoryViewStore()
    const scenario = await sagaScenario({ aggregates, sagas, stores: () => ({ eventStore, viewStore }) })
    await scenario[Symbol.asyncDispose]()
    await assert.rejects(eventStore.headPosition(), { code: 'store-closed' })
  })

  test('refuses what it does not know, and time that goes back', async () => {
    const misspelled = { aggregates, sagas, reaction: [] } as SagaScenarioOptions
    await assert.rejects(sagaScenario(misspelled), /'reaction' is unknown/)
    await assert.rejects(sagaScenario({ aggregates, sagas, now: 'yesterday' }), { code: 'validation' })
    await using scenario = await sagaScenario({ aggregates, sagas })
    await assert.rejects(scenario.advance({ days: -1 }), {
      message: 'Time goes on by 0 or more: expected for instance { days: 3 }, got {"days":-1}.',
    })
    await assert.rejects(scenario.advance({ weeks: 1 } as never), /'weeks' is unknown/)
  })
})

async function types(events: Promise<readonly { readonly eventType: string }[]>): Promise<readonly string[]> {
  return (await events).map(({ eventType }) => eventType)
}

async function pending(scenario: Awaited<ReturnType<typeof sagaScenario>>): Promise<readonly string[] | undefined> {
  return (await scenario.saga('MoneyTransfer', 't-1'))?.deadlines.map(({ name }) => name)
}
