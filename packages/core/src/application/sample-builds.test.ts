/** Balances of accounts as a view that is built anew, for the tests of builds. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { defineProjection, type ProjectionDefinition } from '../read-side/projection.ts'
import { defineQuery, type QueryDefinition } from '../read-side/query.ts'
import type { BalanceView } from '../read-side/sample-balances.test.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import { account, accountDefinition, appendDeposits, shape } from '../sample-account.test.ts'
import { Application } from './application.ts'
import type { ApplicationOptions } from './application-options.ts'

/** Longer than any test takes. */
export const waitMs = 30_000
const view = shape<BalanceView>({ owner: 'string', balance: 'number' })

/**
 * A view of balances in that version.
 * @param factor what each deposit counts; it is waited for
 */
export function balancesOf(version: number, factor: () => number | Promise<number> = () => 1) {
  return defineProjection('BalanceView', {
    from: [account],
    schema: view,
    version,
    on: {
      Deposited: async ({ aggregateId, data }, views) => {
        const times = await factor()
        views.update(aggregateId, (before) => ({ owner: '', balance: (before?.balance ?? 0) + data.amount * times }))
      },
    },
  })
}

/** @returns an application that is not started, and what a test asks of it */
export function openBuilds(
  projection = balancesOf(1),
  options: Partial<Pick<ApplicationOptions, 'eventStore' | 'viewStore' | 'now' | 'processors'>> = {},
) {
  const { eventStore = new MemoryEventStore(), viewStore = new MemoryViewStore(), ...rest } = options
  const getBalance = defineQuery('GetBalance', {
    parameters: shape<{ readonly id: string }>({ id: 'string' }),
    result: view,
    handle: ({ id }, read) => read(projection).get(id),
  })
  const application = new Application({
    ...rest,
    eventStore,
    viewStore,
    aggregates: [accountDefinition],
    projections: [projection as ProjectionDefinition],
    queries: [getBalance as QueryDefinition],
  })
  const builds = application.viewBuilds
  return {
    application,
    eventStore: eventStore as EventStore,
    viewStore: viewStore as ViewStore,
    builds,
    /** Of account a-1. */
    balance: async (query?: { readonly afterPosition?: number; readonly waitMs?: number }) =>
      (await application.query(getBalance, { id: 'a-1' }, query))?.balance,
    states: async () => (await builds.list()).map(({ key, state }) => `${key} ${state}`),
    /** Names of the processors that run here. */
    running: () =>
      application.processors.filter(({ state }) => state !== 'stopped').map(({ processorName }) => processorName),
    deposit: (...amounts: readonly number[]) => appendDeposits(eventStore, 'a-1', ...amounts),
  }
}

/** @returns an application that is started and has a live build, and another one that has caught up */
export async function openRebuilt(...options: Parameters<typeof openBuilds>) {
  const opened = openBuilds(...options)
  await opened.application.start()
  await opened.deposit(5)
  const key = await opened.builds.rebuild('BalanceView')
  for (const name of ['BalanceView@1', key]) await opened.application.processing.drain(name)
  return { ...opened, key }
}

if (import.meta.main) {
  test('the sample view adds up deposits', async () => {
    const { application, balance, deposit, running, states } = openBuilds(balancesOf(1, () => 2))
    await using _ = application
    await application.start()
    await deposit(1, 2)
    assert.equal(await balance({ afterPosition: 2, waitMs }), 6)
    assert.deepEqual([await states(), running()], [['BalanceView@1 live'], ['BalanceView@1']])
  })
}
