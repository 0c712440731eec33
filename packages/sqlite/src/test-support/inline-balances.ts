/** Balances of accounts as an in-line view, for the tests. */

import type { TestContext } from 'node:test'
import { defineAggregate, defineProjection, event, type ProjectionDefinition, type Schema } from '@cim/core'
import type { SqliteEventStore } from '../sqlite-event-store.ts'
import { person } from './sample-events.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Takes whatever comes. */
export function anything<TData>(): Schema<TData> {
  const validate = (value: unknown) => ({ value: value as TData })
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

type Deposit = { readonly amount: number }
export type Balance = { readonly balance: number; readonly positions: readonly number[] }

export const account = defineAggregate('Person', {
  events: { Deposited: anything<Deposit>() },
  commands: { Deposit: anything<Deposit>() },
  initialState: {},
  decide: { Deposit: (_, { data }) => [event('Deposited', data)] },
  apply: { Deposited: (state) => state },
})

/** Balances, found by parity; an amount of 13 is more than it can bear. */
export const balances = defineProjection('Balances', {
  from: [account],
  schema: anything<Balance>(),
  indexes: { parity: ({ balance }) => balance % 2 },
  on: {
    Deposited: ({ aggregateId, data, position }, views) => {
      if (data.amount === 0) views.delete(aggregateId)
      else {
        views.update(aggregateId, (before) => ({
          balance: (before?.balance ?? 0) + data.amount,
          positions: [...(before?.positions ?? []), position],
        }))
      }
      if (data.amount === 13) throw new Error('Thirteen.')
    },
  },
}) as ProjectionDefinition<Balance>

export const inline = [balances as ProjectionDefinition]

export function pathOf(context: TestContext): string {
  return `${temporaryFolder(context)}/events.db`
}

export function deposit(store: SqliteEventStore, id: string, ...amounts: readonly number[]) {
  const events = amounts.map((amount) => ({ eventType: 'Deposited', eventData: { amount } }))
  return store.appendEvents(person(id), events, { expectedVersion: 'any' })
}

export async function documents(store: SqliteEventStore) {
  return (await store.inlineViews?.viewStore.list(balances))?.map(({ id, view }) => [id, (view as Balance).balance])
}
