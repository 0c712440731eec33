/** Builds of one view in two applications with a connection each, as in two processes. */

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Application, defineQuery, type ProjectionDefinition, type QueryDefinition } from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { account, anything, type Balance, balances, deposit, pathOf } from './test-support/inline-balances.ts'

const view = 'Balances'
/** @param leaseMs what a process has had for so long without a sign of life is taken over by another */
function openTwo(context: TestContext, leaseMs = 300) {
  const path = pathOf(context)
  const gate = { passes: Promise.resolve() }
  const eventStore = new SqliteEventStore({ path })
  const gated: ProjectionDefinition<Balance> = {
    ...balances,
    project: async (event, views) => {
      await gate.passes
      await balances.project(event, views)
    },
  }
  const getBalance = defineQuery('GetBalance', {
    parameters: anything<{ readonly id: string }>(),
    result: anything<Balance>(),
    handle: ({ id }, read) => read(gated).get(id),
  })
  const stores: SqliteViewStore[] = []
  const applications: Application[] = []
  const open = async () => {
    const viewStore = new SqliteViewStore({ path: `${path}-views` })
    stores.push(viewStore)
    const application = new Application({
      eventStore,
      viewStore,
      aggregates: [account as never],
      projections: [gated as ProjectionDefinition],
      queries: [getBalance as QueryDefinition],
      processors: { leaseMs },
    })
    applications.push(application)
    await application.start()
    return application
  }
  context.after(async () => {
    for (const application of applications) await application.stop()
    for (const store of stores) await store.close()
    await eventStore.close()
  })
  const states = async () => (await applications[0]?.viewBuilds.list())?.map(({ key, state }) => `${key} ${state}`)
  const balanceIn = async (application: Application, afterPosition: number) =>
    (await application.query(getBalance, { id: 'ada' }, { afterPosition, waitMs: 30_000 }))?.balance
  return { eventStore, open, states, balanceIn, gate }
}

describe('builds of a view in two processes', () => {
  test('that are asked for in both at once are one build, which one of them processes', async (context) => {
    const { eventStore, open, states } = openTwo(context)
    const [one, other] = [await open(), await open()]
    await deposit(eventStore, 'ada', 1, 2)
    const keys = await Promise.all([one, other].map(({ viewBuilds }) => viewBuilds.rebuild(view)))
    assert.deepEqual(keys, ['Balances@1.2', 'Balances@1.2'])
    const outcomes = await Promise.allSettled(
      [one, other].map(({ viewBuilds }) => viewBuilds.promote(view, 'Balances@1.2')),
    )
    assert.ok(outcomes.some(({ status }) => status === 'fulfilled'))
    assert.deepEqual(await states(), ['Balances@1 retired', 'Balances@1.2 live'])
  })

  test('of which one is dropped in one process are not made anew by the other, which runs it too', async (context) => {
    const { eventStore, open, states, balanceIn } = openTwo(context)
    const one = await open()
    await deposit(eventStore, 'ada', 1)
    await one.viewBuilds.rebuild(view)
    const other = await open()
    const key = 'Balances@1.2'
    assert.ok(other.processing.processorNames.includes(key))
    await one.viewBuilds.drop(view, key)
    await deposit(eventStore, 'ada', 2)
    // Its runner asks for the build when the lease would be over, and then leaves.
    while (other.processing.processorNames.includes(key)) await new Promise(setImmediate)
    assert.deepEqual(await states(), ['Balances@1 live'])
    assert.equal(await balanceIn(other, 2), 3)
  })

  test('that are dropped and made anew are not promoted half-built by who knew the one before', async (context) => {
    // Whoever waits for the other's claim looks at it so seldom that it does not notice.
    const { eventStore, open, states, balanceIn, gate } = openTwo(context, 60_000)
    const one = await open()
    await deposit(eventStore, 'ada', 1)
    const key = await one.viewBuilds.rebuild(view)
    await one.processing.drain(key)
    const other = await open()
    await other.processing.drain(key)
    await one.viewBuilds.drop(view, key)
    const opened = Promise.withResolvers<void>()
    gate.passes = opened.promise
    assert.equal(await one.viewBuilds.rebuild(view), key)
    await assert.rejects(other.viewBuilds.promote(view, key), { code: 'view-not-ready', position: 0, headPosition: 1 })
    assert.deepEqual(await states(), ['Balances@1 live', `${key} building`])
    opened.resolve()
    await one.viewBuilds.promote(view, key)
    assert.equal(await balanceIn(one, 1), 1)
  })

  test('of which a promotion and a drop come at once from both: one is done, the other refused', async (context) => {
    const { eventStore, open, states, balanceIn } = openTwo(context)
    const [one, other] = [await open(), await open()]
    await deposit(eventStore, 'ada', 1)
    for (let round = 0; round < 10; round++) {
      const key = await one.viewBuilds.rebuild(view)
      await one.processing.drain(key)
      const outcomes = await Promise.allSettled([one.viewBuilds.promote(view, key), other.viewBuilds.drop(view, key)])
      const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'done'))
      const isPromoted = codes[0] === 'done'
      assert.deepEqual(codes, isPromoted ? ['done', 'view-live'] : ['unknown-view-build', 'done'])
      assert.equal((await states())?.includes(`${key} live`), isPromoted)
      assert.equal(await balanceIn(one, 1), 1)
      assert.equal(await balanceIn(other, 1), 1)
    }
  })
})
