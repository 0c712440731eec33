/** Accounts, and transfers between them: the domain of the suites of processing. */

import {
  type AggregateDefinition,
  type Command,
  deadline,
  defineAggregate,
  defineProjection,
  defineQuery,
  defineReaction,
  defineSaga,
  event,
  type ProjectionDefinition,
  type QueryDefinition,
  type ReactionDefinition,
  reject,
  type SagaDefinition,
  type Schema,
  step,
} from '@cim/core'

export interface Amount {
  readonly amount: number
}

export interface TransferOrder extends Amount {
  readonly from: string
  /** `nobody`: the money is taken, and never given. */
  readonly to: string
}

/** How an account looks in the view. */
export interface Balance {
  readonly balance: number
  /** Of each event that the view has seen of the account, in that order. */
  readonly sequences: readonly number[]
}

function anything<TData>(): Schema<TData> {
  return { '~standard': { version: 1, vendor: 'cim', validate: (value) => ({ value: value as TData }) } }
}

const nothing = anything<Readonly<Record<string, never>>>()

/** Gives no more than it has, and takes nothing once it is closed. */
const account = defineAggregate('Account', {
  events: { Deposited: anything<Amount>(), Withdrawn: anything<Amount>(), Closed: nothing },
  commands: { Deposit: anything<Amount>(), Withdraw: anything<Amount>(), Close: nothing },
  initialState: { balance: 0, isClosed: false },
  decide: {
    Deposit: ({ isClosed }, { data }) => (isClosed ? reject('closed', 'It is closed.') : [event('Deposited', data)]),
    Withdraw: ({ balance }, { data }) =>
      data.amount > balance ? reject('too-little', `It has ${balance}.`) : [event('Withdrawn', data)],
    Close: () => [event('Closed', {})],
  },
  apply: {
    Deposited: (state, { data }) => ({ ...state, balance: state.balance + data.amount }),
    Withdrawn: (state, { data }) => ({ ...state, balance: state.balance - data.amount }),
    Closed: (state) => ({ ...state, isClosed: true }),
  },
})

const transfer = defineAggregate('Transfer', {
  events: { TransferOrdered: anything<TransferOrder>() },
  commands: { OrderTransfer: anything<TransferOrder>() },
  initialState: { isOrdered: false },
  decide: {
    OrderTransfer: ({ isOrdered }, { data }) =>
      isOrdered ? reject('ordered', 'It was ordered before.') : [event('TransferOrdered', data)],
  },
  apply: { TransferOrdered: () => ({ isOrdered: true }) },
})

/** @returns commands to accounts and transfers */
export const bankCommands: {
  readonly deposit: (id: string, amount: number) => Command
  readonly close: (id: string) => Command
  readonly order: (id: string, order: TransferOrder) => Command
} = {
  deposit: (id, amount) => account.command('Deposit', { amount }, { aggregateId: account.id(id) }) as Command,
  close: (id) => account.command('Close', {}, { aggregateId: account.id(id) }) as Command,
  // The commands of a transfer are told from others by its id.
  order: (id, order) =>
    transfer.command('OrderTransfer', order, { aggregateId: transfer.id(id), correlationId: id }) as Command,
}

/** How long a transfer may take: a day. */
export const patienceMs = 86_400_000

/** Takes the money, gives it, and gives it back when that is refused, takes too long, or the account is closed meanwhile. */
export const moneyTransfer: SagaDefinition = defineSaga('MoneyTransfer', {
  from: [transfer, account],
  startAt: 'beginning',
  initialState: {} as { readonly order?: TransferOrder; readonly isTaken?: boolean },
  startedBy: { TransferOrdered: ({ aggregateId }) => aggregateId },
  concerns: {
    Withdrawn: ({ metadata }) => metadata.correlationId,
    Deposited: ({ metadata }) => metadata.correlationId,
    Closed: ({ aggregateId }) => ({ key: aggregateId }),
  },
  keys: ({ order }) => (order === undefined ? [] : [order.to]),
  on: {
    TransferOrdered: (_, { data: order }) => {
      const take = account.command('Withdraw', { amount: order.amount }, { aggregateId: account.id(order.from) })
      return {
        state: { order },
        commands: [step('Take', take)],
        deadlines: [deadline('Patience', { afterMs: patienceMs })],
      }
    },
    Withdrawn: ({ order }) => {
      if (order === undefined) return
      const give = account.command('Deposit', { amount: order.amount }, { aggregateId: account.id(order.to) })
      return { state: { order, isTaken: true }, commands: order.to === 'nobody' ? [] : [step('Give', give)] }
    },
    Deposited: ({ isTaken }) => (isTaken === true ? { completed: true } : undefined),
    Closed: () => ({ failed: { code: 'closed', message: 'The account was closed.' } }),
  },
  onDeadline: { Patience: () => ({ failed: { code: 'too-slow', message: 'It took too long.' } }) },
  onRejected: { Withdraw: (_, { reason }) => ({ failed: reason }) },
  compensate: {
    Take: ({ order }) =>
      order === undefined
        ? []
        : account.command('Deposit', { amount: order.amount }, { aggregateId: account.id(order.from) }),
  },
}) as SagaDefinition

/** What runs in each process of a bank. */
export interface BankDefinitions {
  readonly aggregates: readonly AggregateDefinition[]
  readonly balances: ProjectionDefinition
  readonly getBalance: QueryDefinition<string, { readonly id: string }, Balance>
  readonly receipts: ReactionDefinition
}

/**
 * @param troubles accounts whose events neither the view nor the reaction can process, as long as they are in the set
 * @param told gets a line from the reaction for each event of an account
 */
export function defineBank(troubles: ReadonlySet<string>, told: (line: string) => void): BankDefinitions {
  const check = (accountId: string): void => {
    if (troubles.has(accountId)) throw new Error(`There is trouble with ${accountId}.`)
  }
  const changed = (before: Balance | undefined, sequence: number, amount: number): Balance => ({
    balance: (before?.balance ?? 0) + amount,
    sequences: [...(before?.sequences ?? []), sequence],
  })
  const balances = defineProjection('Balances', {
    from: [account],
    schema: anything<Balance>(),
    on: {
      Deposited: async ({ aggregateId, sequence, data }, views) => {
        check(aggregateId)
        await views.update(aggregateId, (before) => changed(before, sequence, data.amount))
      },
      Withdrawn: async ({ aggregateId, sequence, data }, views) => {
        check(aggregateId)
        await views.update(aggregateId, (before) => changed(before, sequence, -data.amount))
      },
      Closed: async ({ aggregateId, sequence }, views) => {
        await views.update(aggregateId, (before) => changed(before, sequence, 0))
      },
    },
  })
  const tell = ({ aggregateId, sequence }: { readonly aggregateId: string; readonly sequence: number }): void => {
    check(aggregateId)
    told(`${aggregateId} ${sequence}`)
  }
  return {
    aggregates: [account, transfer] as unknown as readonly AggregateDefinition[],
    balances: balances as ProjectionDefinition,
    getBalance: defineQuery('GetBalance', {
      parameters: anything<{ readonly id: string }>(),
      result: anything<Balance>(),
      handle: ({ id }, read) => read(balances).get(id),
    }),
    receipts: defineReaction('Receipts', {
      from: [account],
      startAt: 'beginning',
      on: { Deposited: (event) => tell(event), Withdrawn: (event) => tell(event) },
    }),
  }
}
