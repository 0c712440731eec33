import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Application } from '../application/application.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { defineProjection, type ProjectionDefinition } from '../read-side/projection.ts'
import { defineSaga, type SagaDefinition } from '../sagas/saga.ts'
import {
  type Amount,
  a1,
  account,
  accountDefinition,
  appendDeposits,
  errorOf,
  shape,
  withHooks,
} from '../sample-account.test.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import { type CheckDeployOptions, checkDeploy } from './check-deploy.ts'
import type { DeployReport } from './deploy-report.ts'
import { describeReport } from './describe-report.ts'

type Balance = { readonly id: string; readonly balance: number }

const balances = defineProjection('BalanceView', {
  from: [account],
  schema: shape<Balance>({ id: 'string', balance: 'number' }),
  on: {
    Deposited: ({ aggregateId, data }, views) =>
      views.update(aggregateId, (view) => ({ id: aggregateId, balance: (view?.balance ?? 0) + data.amount })),
  },
}) as unknown as ProjectionDefinition

/** The account, with some of it changed. */
function changed(changes: Partial<AggregateDefinition>): AggregateDefinition {
  return { ...accountDefinition, fingerprint: 'changed', ...changes }
}

/** Accounts whose events stand mixed in the log. */
async function openStore(accounts = 3, rounds = 4): Promise<MemoryEventStore> {
  const eventStore = new MemoryEventStore()
  for (let round = 1; round <= rounds; round++) {
    for (let one = 0; one < accounts; one++) await appendDeposits(eventStore, `a-${one}`, round)
  }
  return eventStore
}

function check(eventStore: EventStore, options?: Partial<CheckDeployOptions>): Promise<DeployReport> {
  return checkDeploy({
    eventStore,
    aggregates: [accountDefinition],
    projections: [balances],
    scratch: new MemoryViewStore(),
    ...options,
  })
}

/** @returns the lines that a check saves */
async function saved(eventStore: EventStore, options?: Partial<CheckDeployOptions>): Promise<string[]> {
  const lines: string[] = []
  await check(eventStore, { ...options, save: (line) => void lines.push(line) })
  return lines
}

async function* linesOf(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines
}

function kindsOf({ problems }: DeployReport): readonly (readonly [string, string, number])[] {
  return problems.map(({ kind, subject, count }) => [kind, subject, count])
}

describe('a check before a deployment', () => {
  test('finds nothing wrong where everything is in order', async () => {
    const eventStore = await openStore()
    const report = await check(eventStore)
    assert.deepEqual(report, {
      isFine: true,
      position: 12,
      events: 12,
      aggregates: 3,
      documents: 3,
      comparedAt: undefined,
      notCompared: [],
      problems: [],
    })
    assert.match(describeReport(report), /12 events of 3 aggregates into 3 view documents, up to position 12/)
    assert.match(describeReport(report), /Fine/)
  })

  test('knows the events of queued commands, which no definition of the application names', async () => {
    const eventStore = new MemoryEventStore()
    await using application = new Application({
      eventStore,
      viewStore: new MemoryViewStore(),
      aggregates: [accountDefinition],
    })
    const command = account.command('Deposit', { amount: 5 }, { aggregateId: a1, commandId: 'c-1' })
    await application.dispatch(command, { mode: 'async' })
    const lines = await saved(eventStore)
    await application.start()
    await application.acknowledgmentOf('c-1', { waitMs: 30_000 })
    const { problems, aggregates, events } = await check(eventStore, { compareWith: linesOf(lines) })
    assert.deepEqual([problems, aggregates, events], [[], 2, 3])
  })

  test('knows the journals of sagas', async () => {
    const eventStore = new MemoryEventStore()
    const letter = defineSaga('Letter', {
      from: [account],
      initialState: { amount: 0 },
      startedBy: { Deposited: ({ aggregateId }) => aggregateId },
      on: { Deposited: (_, { data }) => ({ state: data, completed: true }) },
    }) as SagaDefinition
    const stores = { eventStore, viewStore: new MemoryViewStore() }
    await using application = new Application({ ...stores, aggregates: [accountDefinition], sagas: [letter] })
    await application.start()
    await application.dispatch(account.command('Deposit', { amount: 5 }, { aggregateId: a1 }))
    await application.processing.drain('Letter')
    const { isFine, aggregates, events } = await check(eventStore, { sagas: [letter] })
    assert.deepEqual([isFine, aggregates, events], [true, 2, 4])
    const unknown = kindsOf(await check(eventStore))
    assert.deepEqual(
      unknown.map(([kind, subject]) => [kind, subject]),
      ['EventHandled', 'SagaCompleted', 'SagaStarted'].map((eventType) => ['unknown-event', `Letter.${eventType}`]),
    )
  })

  test('accepts an empty store', async () => {
    assert.equal((await check(new MemoryEventStore())).isFine, true)
  })

  test('names each event that apply fails on, once per aggregate', async () => {
    const eventStore = await openStore()
    const apply: AggregateDefinition['apply'] = (state, event) => {
      if (event.sequence >= 3) throw new Error('no third deposit')
      return accountDefinition.apply(state, event)
    }
    const report = await check(eventStore, { aggregates: [changed({ apply })] })
    assert.equal(report.isFine, false)
    assert.deepEqual(kindsOf(report), [['fold-failed', 'Account.Deposited', 3]])
    assert.deepEqual(report.problems[0]?.samples[0], {
      position: 7,
      aggregateType: 'Account',
      aggregateId: 'a-0',
      sequence: 3,
      message: 'no third deposit',
    })
    assert.match(describeReport(report), /NOT FINE: 1 problem/)
  })

  test('finds an apply that changes a state in place', async () => {
    const apply: AggregateDefinition['apply'] = (state, event) => {
      const account = state as { balance: number }
      account.balance += (event.data as Amount).amount
      return account
    }
    const report = await check(await openStore(), { aggregates: [changed({ apply })] })
    assert.deepEqual(kindsOf(report), [['fold-failed', 'Account.Deposited', 3]])
  })

  test('names events that cannot be lifted, and goes on with the others', async () => {
    const upcasters = {
      Deposited: [
        (data: unknown) => {
          if ((data as Amount).amount === 2) throw new Error('two is not liked')
          return data
        },
      ],
    }
    const report = await check(await openStore(), { aggregates: [changed({ upcasters })], projections: [] })
    assert.deepEqual(kindsOf(report), [['undecodable', 'Account.Deposited', 3]])
    assert.equal(report.problems[0]?.samples[0]?.message, 'two is not liked')
    const newer = new MemoryEventStore()
    const event = { eventType: 'Deposited', eventData: { amount: 1 }, schemaVersion: 7 }
    await newer.appendEvents({ aggregateType: 'Account', aggregateId: 'n' }, [event], { expectedVersion: 0 })
    assert.match((await check(newer)).problems[0]?.samples[0]?.message ?? '', /schema version 7/)
  })

  test('validates the lifted data with the schema of its event', async () => {
    const events = { ...accountDefinition.events, Deposited: shape<{ euro: number }>({ euro: 'number' }) }
    const broken = await check(await openStore(), { aggregates: [changed({ events })], projections: [] })
    assert.deepEqual(kindsOf(broken), [['invalid-data', 'Account.Deposited', 12]])
    assert.match(broken.problems[0]?.samples[0]?.message ?? '', /\/euro: must be a number/)
    const upcasters = { Deposited: [(data: unknown) => ({ euro: (data as Amount).amount })] }
    const lifted = await check(await openStore(), { aggregates: [changed({ events, upcasters })], projections: [] })
    assert.equal(lifted.isFine, true)
  })

  test('counts events that no definition knows, which may be named as expected', async () => {
    const eventStore = await openStore(1, 1)
    for (const [aggregateType, eventType] of [
      ['Account', 'Renamed'],
      ['Ghost', 'Seen'],
      ['Ghost', 'Seen'],
    ] as const) {
      const aggregate = { aggregateType, aggregateId: 'a-0' }
      await eventStore.appendEvents(aggregate, [{ eventType, eventData: {} }], { expectedVersion: 'any' })
    }
    const report = await check(eventStore)
    assert.equal(report.isFine, false)
    assert.deepEqual(kindsOf(report), [
      ['unknown-event', 'Account.Renamed', 1],
      ['unknown-event', 'Ghost.Seen', 2],
    ])
    const expected = await check(eventStore, { expected: ['Account.Renamed', 'Ghost.Seen'] })
    assert.equal(expected.isFine, true)
    assert.deepEqual(kindsOf(expected), kindsOf(report))
  })

  test('finds handlers of projections that fail, and leaves out what comes after in the same aggregate', async () => {
    const project: ProjectionDefinition['project'] = (event, views) => {
      if (event.aggregateId === 'a-1' && event.sequence === 2) throw new Error('no second deposit')
      return balances.project(event, views)
    }
    const report = await check(await openStore(), { projections: [{ ...balances, project }] })
    assert.deepEqual(kindsOf(report), [['projection-failed', 'BalanceView', 1]])
    assert.equal(report.problems[0]?.samples[0]?.position, 5)
    assert.equal(report.documents, 3)
  })

  test('gives up a projection that fails everywhere', async () => {
    const project = () => {
      throw new Error('never')
    }
    const report = await check(await openStore(1100, 1), { projections: [{ ...balances, project }] })
    assert.deepEqual(kindsOf(report), [['projection-failed', 'BalanceView', 1000]])
    assert.equal(report.documents, 0)
  })

  test('validates view documents with the schema of their view', async () => {
    const schema = shape<{ total: number }>({ total: 'number' })
    const report = await check(await openStore(), { projections: [{ ...balances, schema }] })
    assert.deepEqual(kindsOf(report), [['invalid-document', 'BalanceView', 3]])
  })

  test('notices when the log and the streams disagree', async () => {
    const eventStore = await openStore(2, 2)
    const lossy = withHooks<EventStore>(eventStore, {
      loadEvents: async (aggregate, options) =>
        (await eventStore.loadEvents(aggregate, options)).filter(({ position }) => position !== 3),
    })
    const report = await check(lossy)
    assert.deepEqual(kindsOf(report), [['broken-stream', 'event store', 1]])
  })

  test('leaves out events that are stored while it runs', async () => {
    const eventStore = await openStore()
    let isLate = false
    const report = await check(eventStore, {
      onProgress: () => {
        if (!isLate) void appendDeposits(eventStore, 'a-0', 1)
        isLate = true
      },
    })
    assert.deepEqual([report.position, report.events, report.isFine], [12, 12, true])
  })

  test('can be aborted, and refuses what it does not know', async () => {
    const eventStore = await openStore()
    await assert.rejects(check(eventStore, { signal: AbortSignal.abort(new Error('enough')) }), /enough/)
    await errorOf(check(eventStore, { speed: 2 } as object), 'invalid-option')
    await errorOf(checkDeploy({ eventStore, aggregates: [], projections: [balances] }), 'invalid-option')
  })
})

describe('a comparison with the previous code', () => {
  test('finds no difference where there is none, also when events came since', async () => {
    const eventStore = await openStore()
    const before = await saved(eventStore)
    await appendDeposits(eventStore, 'a-1', 5)
    await appendDeposits(eventStore, 'new', 5)
    const report = await check(eventStore, { compareWith: linesOf(before) })
    assert.deepEqual([report.isFine, report.comparedAt, report.position], [true, 12, 14])
  })

  test('is the same for the same log and code', async () => {
    const eventStore = await openStore()
    assert.deepEqual(await saved(eventStore), await saved(eventStore))
  })

  test('shows states and documents that differ, by place when they were kept', async () => {
    const eventStore = await openStore()
    const apply: AggregateDefinition['apply'] = (state, event) => {
      const next = accountDefinition.apply(state, event) as { readonly balance: number }
      return event.aggregateId === 'a-1' ? { ...next, balance: next.balance + 1 } : next
    }
    const project: ProjectionDefinition['project'] = (event, views) =>
      event.aggregateId === 'a-2' ? undefined : balances.project(event, views)
    const now = { aggregates: [changed({ apply })], projections: [{ ...balances, project }] }
    const bare = await check(eventStore, { ...now, compareWith: linesOf(await saved(eventStore)) })
    assert.deepEqual(kindsOf(bare), [
      ['state-differs', 'Account', 1],
      ['missing', 'BalanceView', 1],
    ])
    assert.equal(bare.problems[0]?.samples[0]?.differences, undefined)
    const before = await saved(eventStore, { withStates: true })
    await appendDeposits(eventStore, 'a-1', 5)
    const report = await check(eventStore, { ...now, compareWith: linesOf(before) })
    assert.deepEqual(report.problems[0]?.samples, [
      {
        position: 11,
        aggregateType: 'Account',
        aggregateId: 'a-1',
        sequence: 4,
        message: 'another state after version 4',
        differences: [{ pointer: '/balance', kind: 'changed', before: 10, after: 14 }],
      },
    ])
    assert.match(
      describeReport(report),
      /position 11 \(Account "a-1", sequence 4\): another state[\s\S]*\/balance changed: 10 -> 14/,
    )
    const meant = await check(eventStore, {
      ...now,
      compareWith: linesOf(before),
      expected: ['Account', 'BalanceView'],
    })
    assert.equal(meant.isFine, true)
  })

  test('does not compare a view whose version was raised', async () => {
    const eventStore = await openStore()
    const before = await saved(eventStore)
    const report = await check(eventStore, { projections: [{ ...balances, version: 2 }], compareWith: linesOf(before) })
    assert.equal(report.isFine, true)
    assert.deepEqual(report.notCompared, ['BalanceView: version 1 before, 2 now'])
  })

  test('misses what this code or this store does not have', async () => {
    const eventStore = await openStore()
    const before = await saved(eventStore)
    const report = await check(eventStore, { aggregates: [], projections: [], compareWith: linesOf(before) })
    assert.deepEqual(kindsOf(report), [
      ['unknown-event', 'Account.Deposited', 12],
      ['missing', 'Account', 3],
      ['missing', 'BalanceView', 3],
    ])
  })

  test('does not hold against this code what the previous code could not fold', async () => {
    const eventStore = await openStore()
    const apply = () => {
      throw new Error('never')
    }
    const before = await saved(eventStore, { aggregates: [changed({ apply })] })
    assert.equal((await check(eventStore, { compareWith: linesOf(before) })).isFine, true)
  })

  test('refuses fingerprints that are cut short, of another store, or none', async () => {
    const eventStore = await openStore()
    const before = await saved(eventStore)
    for (const [lines, message] of [
      [before.slice(0, -1), /cut short/],
      [['{"hello":1}'], /must be the first line/],
      [[], /must be the first line/],
      [['no json'], /must be JSON/],
      [[before[0]?.replace('12', '99') ?? '', ...before.slice(1)], /at most 12/],
    ] as const) {
      const error = await errorOf(check(eventStore, { compareWith: linesOf(lines) }), 'validation')
      assert.match(error.message, message)
    }
  })
})
