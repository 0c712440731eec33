/** A bank account for the random tests of core. Tested itself when it is run by itself. */

import { test } from 'node:test'
import { defineAggregate, event, reject, type Schema } from '@cim/core'
import { given } from '@cim/testing'

export type Amount = { readonly amount: number }
export type AccountState = { readonly balance: number; readonly log: readonly number[] }

const amount: Schema<Amount> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as Amount }) },
}
const initialState: AccountState = { balance: 0, log: [] }

/** Never overdrawn; a deposit of 0 changes nothing. */
export const account = defineAggregate('Account', {
  events: { Deposited: amount, Withdrawn: amount },
  commands: { Deposit: amount, Withdraw: amount },
  initialState,
  decide: {
    Deposit: (_, { data }) => (data.amount === 0 ? [] : [event('Deposited', data)]),
    Withdraw: ({ balance }, { data }) =>
      balance < data.amount ? reject('overdrawn', 'The balance is too low.') : [event('Withdrawn', data)],
  },
  apply: {
    Deposited: (state, { data }) => add(state, data.amount),
    Withdrawn: (state, { data }) => add(state, -data.amount),
  },
})

function add({ balance, log }: AccountState, change: number): AccountState {
  return { balance: balance + change, log: [...log.slice(-2), change] }
}

if (import.meta.main) {
  test('the sample account is never overdrawn', () => {
    const past = [event('Deposited', { amount: 5 })]
    given(account, past)
      .when('Withdraw', { amount: 5 })
      .thenState({ balance: 0, log: [5, -5] })
    given(account, past).when('Withdraw', { amount: 6 }).thenRejected('overdrawn')
  })
}
