import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemorySnapshotStore } from '../memory/memory-snapshot-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { PastMoment } from '../read-side/past-views.ts'
import { defineProjection, type ProjectionDefinition } from '../read-side/projection.ts'
import { defineQuery, type QueryDefinition } from '../read-side/query.ts'
import type { BalanceView } from '../read-side/sample-balances.test.ts'
import { a1, account, accountDefinition, appendDeposits, errorOf, shape, withHooks } from '../sample-account.test.ts'
import { Application } from './application.ts'
import type { ApplicationOptions } from './application-options.ts'

const add = (view: BalanceView | undefined, amount: number): BalanceView => ({
  owner: view?.owner ?? '',
  balance: (view?.balance ?? 0) + amount,
})

const balances = defineProjection('Balances', {
  from: [account],
  schema: shape<BalanceView>({ owner: 'string', balance: 'number' }),
  on: {
    Opened: ({ aggregateId, data }, views) => views.set(aggregateId, { ...data, balance: 0 }),
    Deposited: ({ aggregateId, data }, views) => views.update(aggregateId, (view) => add(view, data.amount)),
    Withdrawn: ({ aggregateId, data }, views) => views.update(aggregateId, (view) => add(view, -data.amount)),
  },
})

const getBalance = defineQuery('GetBalance', {
  parameters: shape<{ readonly id: string }>({ id: 'string' }),
  result: shape<BalanceView>({ owner: 'string', balance: 'number' }),
  handle: ({ id }, read) => read(balances).get(id),
})

const day = 86_400_000
const start = Date.UTC(2026, 0, 1)
const waitMs = 30_000

/** Opened at position 1, then 100 in at 2, 30 out at 3, 5 in at 4: one event a day. */
async function open(options: Partial<ApplicationOptions> = {}) {
  let time = start
  const memory = new MemoryEventStore({ now: () => time })
  const writes: string[] = []
  const refuse = (name: string) => async () => {
    writes.push(name)
    throw new Error(`${name} of the application's own store was called.`)
  }
  let isFenced = false
  const fence = <TTarget extends object>(target: TTarget, names: readonly (keyof TTarget & string)[]): TTarget =>
    new Proxy(target, {
      get(_, name) {
        if (isFenced && names.includes(name as keyof TTarget & string)) return refuse(String(name))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  const application = new Application({
    eventStore: fence<EventStore>(memory, ['appendEvents', 'recordCommand', 'close']),
    viewStore: fence(new MemoryViewStore(), ['openView', 'commit', 'promoteView', 'dropView', 'close']),
    snapshotStore: fence(new MemorySnapshotStore(), ['saveSnapshot', 'loadSnapshot']),
    aggregates: [accountDefinition],
    projections: [balances as ProjectionDefinition],
    queries: [getBalance as QueryDefinition],
    repository: { snapshotEvery: 1 },
    now: () => time,
    ...options,
  })
  const commands = [
    account.command('Open', { owner: 'Ada' }, { aggregateId: a1, commandId: 'open' }),
    account.command('Deposit', { amount: 100 }, { aggregateId: a1, commandId: 'deposit' }),
    account.command('Withdraw', { amount: 30 }, { aggregateId: a1, commandId: 'withdraw' }),
    account.command('Deposit', { amount: 5 }, { aggregateId: a1, commandId: 'more' }),
  ]
  for (const command of commands) {
    await application.dispatch(command)
    time += day
  }
  isFenced = true
  return { application, memory, writes, commands }
}

const balanceIn = async (branch: Application, afterPosition = 0) =>
  (await branch.query(getBalance, { id: a1 }, { afterPosition, waitMs }))?.balance

describe('a branch', () => {
  test('begins with the states and views of its moment', async () => {
    const { application, writes } = await open()
    for (const [moment, version, balance] of [
      [{ position: 0 }, 0, undefined],
      [{ position: 2 }, 2, 100],
      [{ timestamp: '2026-01-03' }, 3, 70],
      [{ position: 4 }, 4, 75],
      [{}, 4, 75],
      [undefined, 4, 75],
    ] as const) {
      await using branch = await application.branch(moment)
      assert.equal((await branch.stateAt('Account', a1)).version, version)
      assert.equal(await balanceIn(branch), balance)
      assert.equal(await branch.eventStore.headPosition(), version)
      assert.equal((await branch.historyOf('Account', a1)).length, version)
    }
    assert.deepEqual(writes, [])
  })

  test('takes commands and goes its own way, and nothing of it is seen outside', async () => {
    const { application, memory, writes } = await open()
    const before = await memory.readEvents()
    await using branch = await application.branch({ position: 2 })
    const { status, version, position } = await branch.dispatch(
      account.command('Withdraw', { amount: 100 }, { aggregateId: a1 }),
    )
    assert.deepEqual([status, version, position], ['Accepted', 3, 3])
    assert.equal(await balanceIn(branch, position), 0)
    const refused = await branch.dispatch(
      account.command('Withdraw', { amount: 1 }, { aggregateId: a1, commandId: 'w' }),
    )
    assert.deepEqual([refused.status, refused.reason?.code], ['Rejected', 'overdrawn'])
    const other = await branch.dispatch(account.command('Open', { owner: 'Bob' }))
    assert.deepEqual([other.status, other.version, other.position], ['Accepted', 1, 4])
    assert.deepEqual(
      (await branch.historyOf('Account', a1)).map(({ event }) => [event.sequence, event.eventType]),
      [
        [1, 'Opened'],
        [2, 'Deposited'],
        [3, 'Withdrawn'],
      ],
    )
    assert.deepEqual(await memory.readEvents(), before)
    assert.equal(await memory.findCommand({ aggregateType: 'Account', aggregateId: a1 }, 'w'), undefined)
    assert.deepEqual(writes, [])
  })

  test('knows the commands of its past, and not those that came later', async () => {
    const { application, commands } = await open()
    const [, deposit, withdraw] = commands
    await using branch = await application.branch({ position: 2 })
    assert.ok(deposit !== undefined && withdraw !== undefined)
    const again = await branch.dispatch(deposit)
    assert.deepEqual([again.version, again.position, again.timestamp], [2, 2, '2026-01-02T00:00:00.000Z'])
    assert.equal(await branch.eventStore.headPosition(), 2)
    const anew = await branch.dispatch(withdraw)
    assert.deepEqual([anew.version, anew.position], [3, 3])
  })

  test('goes on beside others of the same moment, and beside the application', async () => {
    const { application, memory } = await open()
    const branches = await Promise.all([1, 2, 3].map(() => application.branch({ position: 2 })))
    await appendDeposits(memory, a1, 1000)
    for (const [index, branch] of branches.entries()) {
      const amount = index + 1
      const { position } = await branch.dispatch(account.command('Deposit', { amount }, { aggregateId: a1 }))
      assert.equal(await balanceIn(branch, position), 100 + amount)
    }
    for (const branch of branches) await branch.stop()
  })

  test('can be branched, and asked as of its past', async () => {
    const { application } = await open()
    await using branch = await application.branch({ position: 3 })
    await branch.dispatch(account.command('Deposit', { amount: 1 }, { aggregateId: a1 }))
    await branch.dispatch(account.command('Deposit', { amount: 2 }, { aggregateId: a1 }))
    await using twig = await branch.branch({ position: 4 })
    const { position } = await twig.dispatch(account.command('Deposit', { amount: 10 }, { aggregateId: a1 }))
    assert.equal(await balanceIn(twig, position), 81)
    for (const [asOf, balance] of [
      [{ position: 2 }, 100],
      [{ position: 4 }, 71],
      [{ position: 5 }, 73],
    ] as const) {
      assert.equal((await branch.query(getBalance, { id: a1 }, { asOf }))?.balance, balance)
    }
  })

  test('begins with a view that was kept, when there is one', async () => {
    const { application, memory } = await open()
    const read: (number | undefined)[] = []
    const eventStore = withHooks<EventStore>(memory, {
      subscribe: (patterns, options) => {
        read.push(options?.afterPosition)
        return memory.subscribe(patterns, options)
      },
    })
    const { aggregates, projections, queries } = application
    const watched = new Application({
      ...{ eventStore, viewStore: new MemoryViewStore(), projections, queries },
      aggregates: [...aggregates.values()],
    })
    await watched.query(getBalance, { id: a1 }, { asOf: { position: 2 } })
    await using branch = await watched.branch({ position: 3 })
    assert.equal(await balanceIn(branch), 70)
    assert.deepEqual(read, [0, 2])
  })

  test('has a clock of its own when it is given one, and time goes on from its past', async () => {
    const { application } = await open()
    await using late = await application.branch({ position: 2 }, { now: () => Date.UTC(2030, 0, 1) })
    const then = await late.dispatch(account.command('Deposit', { amount: 1 }, { aggregateId: a1 }))
    assert.equal(then.timestamp, '2030-01-01T00:00:00.000Z')
    await using early = await application.branch({ position: 2 }, { now: () => Date.UTC(2020, 0, 1) })
    const before = await early.dispatch(account.command('Deposit', { amount: 1 }, { aggregateId: a1 }))
    assert.equal(before.timestamp, '2026-01-02T00:00:00.000Z')
  })

  test('runs projections alone, and tells nobody outside of what fails in it', async () => {
    const told: unknown[] = []
    const failing = defineProjection('Failing', {
      from: [account],
      schema: shape<BalanceView>({ owner: 'string', balance: 'number' }),
      on: {
        Withdrawn: () => {
          throw new Error('No.')
        },
      },
    }) as unknown as ProjectionDefinition
    const { application } = await open({
      projections: [balances as ProjectionDefinition, failing],
      processors: { failures: { maxAttempts: 1 }, onError: (error) => told.push(error) },
    })
    await using branch = await application.branch()
    assert.deepEqual(
      branch.processors.map(({ processorName, heldSequences, position }) => [processorName, heldSequences, position]),
      [
        ['Balances@1', 0, 4],
        ['Failing@1', 1, 4],
      ],
    )
    assert.equal(await balanceIn(branch), 75)
    assert.deepEqual(told, [])
  })

  test('does not begin at a moment that is still to come, or with an option that is unknown', async () => {
    const { application } = await open()
    for (const moment of [
      { position: 5 },
      { timestamp: '2026-02-01' },
      { position: 1, timestamp: '2026-01-01' },
      { version: 1 },
      { position: -1 },
    ]) {
      await errorOf(application.branch(moment as PastMoment), 'validation')
    }
    await errorOf(application.branch({}, { clock: Date.now } as object), 'invalid-option')
    await assert.rejects(application.branch({}, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  })
})
