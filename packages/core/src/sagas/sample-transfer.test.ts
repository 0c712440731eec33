/** Money goes from one account to another: the saga for the tests of this folder. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Amount, account, shape } from '../sample-account.test.ts'
import { defineAggregate } from '../write-side/aggregate.ts'
import { event, reject } from '../write-side/decision.ts'
import { defineSaga } from './saga.ts'
import { deadline, step } from './saga-outcome.ts'

type Order = { readonly from: string; readonly to: string; readonly amount: number }

/** An order to transfer money, which somebody may recall. */
export const transfer = defineAggregate('Transfer', {
  events: {
    TransferOrdered: shape<Order>({ from: 'string', to: 'string', amount: 'number' }),
    TransferRecalled: shape<{ readonly reason: string }>({ reason: 'string' }),
    BankClosed: shape<Amount>({ amount: 'number' }),
  },
  commands: {
    OrderTransfer: shape<Order>({ from: 'string', to: 'string', amount: 'number' }),
    RecallTransfer: shape<{ readonly reason: string }>({ reason: 'string' }),
    CloseBank: shape<Amount>({ amount: 'number' }),
  },
  initialState: { isOrdered: false },
  decide: {
    OrderTransfer: ({ isOrdered }, { data }) =>
      isOrdered ? reject('ordered', 'It was ordered already.') : [event('TransferOrdered', data)],
    RecallTransfer: (_, { data }) => [event('TransferRecalled', data)],
    CloseBank: (_, { data }) => [event('BankClosed', data)],
  },
  apply: {
    TransferOrdered: () => ({ isOrdered: true }),
    TransferRecalled: (state) => state,
    BankClosed: (state) => state,
  },
})

export interface TransferState {
  readonly order?: Order
  readonly stage: 'new' | 'withdrawing' | 'depositing' | 'done'
  readonly remembered?: readonly string[]
}

const initialState: TransferState = { stage: 'new' }

/** Amounts that make its functions throw for as long as the test wants. */
export const broken: { amounts: readonly number[] } = { amounts: [] }

export const transferSaga = defineSaga('MoneyTransfer', {
  from: [transfer, account],
  initialState,
  startedBy: { TransferOrdered: ({ aggregateId }) => aggregateId },
  concerns: {
    TransferRecalled: ({ aggregateId }) => aggregateId,
    BankClosed: () => ({ key: 'bank' }),
    Withdrawn: ({ metadata }) => metadata.correlationId,
    Deposited: ({ metadata }) => metadata.correlationId,
  },
  keys: ({ stage }) => (stage === 'done' ? [] : ['bank']),
  on: {
    TransferOrdered: (_, { data: order }) => {
      if (broken.amounts.includes(order.amount)) throw new Error(`Nobody can transfer ${order.amount}.`)
      return {
        state: { order, stage: 'withdrawing' },
        commands: [
          step('Take', account.command('Withdraw', { amount: order.amount }, { aggregateId: account.id(order.from) })),
        ],
        deadlines: [deadline('Patience', { afterMs: 60_000 }, { amount: order.amount })],
      }
    },
    Withdrawn: (state) =>
      state.stage !== 'withdrawing' || state.order === undefined
        ? undefined
        : {
            state: { ...state, stage: 'depositing' },
            commands: [
              step(
                'Give',
                account.command('Deposit', { amount: state.order.amount }, { aggregateId: account.id(state.order.to) }),
              ),
            ],
          },
    Deposited: (state) =>
      state.stage === 'depositing' ? { state: { ...state, stage: 'done' }, completed: true } : undefined,
    TransferRecalled: (_, { data }) => ({ failed: { code: 'recalled', message: data.reason } }),
    BankClosed: () => ({ failed: { code: 'bank-closed', message: 'The bank was closed.' } }),
  },
  onDeadline: { Patience: () => ({ failed: { code: 'too-slow', message: 'Patience has ended.' } }) },
  compensate: {
    Take: ({ order }) =>
      order === undefined
        ? []
        : account.command('Deposit', { amount: order.amount }, { aggregateId: account.id(order.from) }),
  },
})

test('a saga has subjects of everything that it handles', () => {
  assert.deepEqual(transferSaga.subjectPatterns.length, 5)
})
