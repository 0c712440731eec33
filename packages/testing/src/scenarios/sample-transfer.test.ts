/** Money goes from one account to another: the saga for the tests of this folder. Tested itself when it is run by itself. */

import { test } from 'node:test'
import {
  type AggregateDefinition,
  deadline,
  defineAggregate,
  defineSaga,
  event,
  reject,
  type Schema,
  step,
} from '@cim/core'
import { given } from '@cim/testing'

type Order = { readonly from: string; readonly to: string; readonly amount: number }
type Amount = { readonly amount: number }
type Reason = { readonly reason: string }

function withProperty<TData extends object>(property: keyof TData & string, type: 'string' | 'number'): Schema<TData> {
  const validate = (value: unknown) =>
    typeof (value as Record<string, unknown> | null)?.[property] === type
      ? { value: value as TData }
      : { issues: [{ message: `must be a ${type}`, path: [property] }] }
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

const amount = withProperty<Amount>('amount', 'number')
const order = withProperty<Order>('amount', 'number')
const reason = withProperty<Reason>('reason', 'string')

/** Never overdrawn; one that is closed takes nothing. */
export const account = defineAggregate('Account', {
  events: { Deposited: amount, Withdrawn: amount, Closed: reason },
  commands: { Deposit: amount, Withdraw: amount, Close: reason },
  initialState: { balance: 0, isClosed: false },
  decide: {
    Deposit: ({ isClosed }, { data }) =>
      isClosed ? reject('closed', 'The account is closed.') : [event('Deposited', data)],
    Withdraw: ({ balance }, { data }) =>
      balance < data.amount ? reject('overdrawn', 'The balance is too low.') : [event('Withdrawn', data)],
    Close: (_, { data }) => [event('Closed', data)],
  },
  apply: {
    Deposited: (state, { data }) => ({ ...state, balance: state.balance + data.amount }),
    Withdrawn: (state, { data }) => ({ ...state, balance: state.balance - data.amount }),
    Closed: (state) => ({ ...state, isClosed: true }),
  },
})

/** An order to transfer money, which somebody may recall. */
export const transfer = defineAggregate('Transfer', {
  events: { Ordered: order, Recalled: reason, BankClosed: reason },
  commands: { Order: order, Recall: reason },
  initialState: null,
  decide: {
    Order: (_, { data }) => [event('Ordered', data)],
    Recall: (_, { data }) => [event('Recalled', data)],
  },
  apply: { Ordered: () => null, Recalled: () => null, BankClosed: () => null },
})

/** Both, as an application takes them. */
export const aggregates: readonly AggregateDefinition[] = [account, transfer] as unknown as AggregateDefinition[]

export type TransferState = { readonly order?: Order; readonly stage: 'new' | 'taking' | 'giving' }

const initialState: TransferState = { stage: 'new' }
export const dayMs = 86_400_000

/** Amounts of 13 make it throw. A refused deposit is tried again once a day later. */
export const transferSaga = defineSaga('MoneyTransfer', {
  from: [transfer, account],
  initialState,
  startedBy: { Ordered: ({ aggregateId }) => aggregateId },
  concerns: {
    Recalled: ({ aggregateId }) => aggregateId,
    BankClosed: () => ({ key: 'bank' }),
    Withdrawn: ({ metadata }) => metadata.correlationId,
    Deposited: ({ metadata }) => metadata.correlationId,
  },
  keys: () => ['bank'],
  onDeadline: {
    Patience: () => ({ failed: { code: 'too-slow', message: 'Patience has ended.' } }),
    TryAgain: (state) => ({ commands: [step('Give', give(state))] }),
  },
  on: {
    Ordered: (_, { data }) => {
      if (data.amount === 13) throw new Error('Nobody can transfer 13.')
      return {
        state: { order: data, stage: 'taking' },
        commands: [
          step('Take', account.command('Withdraw', { amount: data.amount }, { aggregateId: account.id(data.from) })),
        ],
        deadlines: [deadline('Patience', { afterMs: 3 * dayMs }, { amount: data.amount })],
      }
    },
    Withdrawn: (state) =>
      state.stage === 'taking'
        ? { state: { ...state, stage: 'giving' }, commands: [step('Give', give(state))] }
        : undefined,
    Deposited: ({ stage }) => (stage === 'giving' ? { completed: true } : undefined),
    Recalled: (_, { data }) => ({ failed: { code: 'recalled', message: data.reason } }),
    BankClosed: (_, { data }) => ({ failed: { code: 'bank-closed', message: data.reason } }),
  },
  onRejected: {
    Deposit: (_, { reason: why }) =>
      why.code === 'closed' ? { deadlines: [deadline('TryAgain', { afterMs: dayMs })] } : { failed: why },
  },
  compensate: {
    Take: ({ order: taken }) =>
      account.command('Deposit', { amount: taken?.amount ?? 0 }, { aggregateId: account.id(taken?.from ?? '') }),
    Give: {
      commands: ({ order: given }) =>
        account.command('Withdraw', { amount: given?.amount ?? 0 }, { aggregateId: account.id(given?.to ?? '') }),
      unlessRejectedWith: ['overdrawn'],
    },
  },
})

function give({ order: taken }: TransferState) {
  return account.command('Deposit', { amount: taken?.amount ?? 0 }, { aggregateId: account.id(taken?.to ?? '') })
}

if (import.meta.main) {
  test('the sample account is never overdrawn', () => {
    given(account, [event('Deposited', { amount: 5 })])
      .when('Withdraw', { amount: 6 })
      .thenRejected('overdrawn')
  })
}
