/** The domain that the tests of this package check, with one part of it changed at a time. */

import {
  type AggregateDefinition,
  defineAggregate,
  defineProjection,
  event,
  type ProjectionDefinition,
} from '@cim/core'
import { z } from 'zod'

/** The changes that a new version of the code could make. */
export interface Change {
  /** `apply` of a deposit. */
  readonly deposit?: (state: { readonly balance: number }, amount: number) => { readonly balance: number }
  readonly lift?: (data: unknown) => unknown
  readonly amount?: z.ZodType<number>
  readonly project?: (id: string, balance: number) => { readonly id: string; readonly balance: number }
}

/** @returns what a module with definitions exports */
export function accounts(change: Change = {}): {
  readonly aggregates: readonly AggregateDefinition[]
  readonly projections: readonly ProjectionDefinition[]
} {
  const data = z.object({ amount: change.amount ?? z.number() })
  const account = defineAggregate('Account', {
    events: { Deposited: data },
    commands: { Deposit: data },
    initialState: { balance: 0 },
    decide: { Deposit: (_, command) => [event('Deposited', command.data)] },
    apply: {
      Deposited: (state, { data: { amount } }) =>
        change.deposit?.(state, amount) ?? { balance: state.balance + amount },
    },
    ...(change.lift === undefined ? undefined : { upcasters: { Deposited: [change.lift] } }),
  })
  const balances = defineProjection('BalanceView', {
    from: [account],
    schema: z.object({ id: z.string(), balance: z.number() }),
    on: {
      Deposited: ({ aggregateId: id, data: { amount } }, views) =>
        views.update(id, (view) => {
          const balance = (view?.balance ?? 0) + amount
          return change.project?.(id, balance) ?? { id, balance }
        }),
    },
  })
  return {
    aggregates: [account as unknown as AggregateDefinition],
    projections: [balances as unknown as ProjectionDefinition],
  }
}
