/** A small domain for the tests of core, and what else they share. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCimError } from './errors/cim-error.ts'
import type { EntityId } from './event-store/aggregate-ref.ts'
import type { NewEvent } from './event-store/domain-event-envelope.ts'
import type { EventStore } from './event-store/event-store.ts'
import type { Schema } from './schema/schema.ts'
import { type AggregateDefinition, defineAggregate } from './write-side/aggregate.ts'
import { event, reject } from './write-side/decision.ts'

/** Objects with properties of these types; others are dropped. */
export function shape<TData>(types: { readonly [Name in keyof TData]-?: 'string' | 'number' }): Schema<TData> {
  const properties = Object.entries(types)
  const validate = (value: unknown) => {
    const entries = properties.map(([name]) => [name, (value as Record<string, unknown> | undefined)?.[name]] as const)
    const issues = properties
      .filter(([name, type]) => typeof entries.find(([key]) => key === name)?.[1] !== type)
      .map(([name, type]) => ({ message: `must be a ${String(type)}`, path: [name] }))
    return issues.length > 0 ? { issues } : { value: Object.fromEntries(entries) as TData }
  }
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

export type Owner = { readonly owner: string }
export type Amount = { readonly amount: number }
export type AccountState = { readonly owner: string | null; readonly balance: number }

const initialState: AccountState = { owner: null, balance: 0 }

/** A bank account: opened once, never overdrawn; a deposit of 0 changes nothing. */
export const account = defineAggregate('Account', {
  events: {
    Opened: shape<Owner>({ owner: 'string' }),
    Deposited: shape<Amount>({ amount: 'number' }),
    Withdrawn: shape<Amount>({ amount: 'number' }),
  },
  commands: {
    Open: shape<Owner>({ owner: 'string' }),
    Deposit: shape<Amount>({ amount: 'number' }),
    Withdraw: shape<Amount>({ amount: 'number' }),
  },
  initialState,
  decide: {
    Open: ({ owner }, { data }) =>
      owner === null ? [event('Opened', data)] : reject('account-exists', 'The account exists already.'),
    Deposit: (_, { data }) => (data.amount === 0 ? [] : [event('Deposited', data)]),
    Withdraw: ({ balance }, { data }) =>
      balance < data.amount ? reject('overdrawn', 'The balance is too low.') : [event('Withdrawn', data)],
  },
  apply: {
    Opened: (state, { data }) => ({ ...state, owner: data.owner }),
    Deposited: (state, { data }) => ({ ...state, balance: state.balance + data.amount }),
    Withdrawn: (state, { data }) => ({ ...state, balance: state.balance - data.amount }),
  },
})

/** Any definition, as the runtime takes it. */
export const accountDefinition: AggregateDefinition = account as unknown as AggregateDefinition

export const a1: EntityId<'Account'> = account.id('a-1')

/** @returns stored events: deposits of these amounts */
export function deposits(...amounts: readonly number[]): NewEvent[] {
  return amounts.map((amount) => ({ eventType: 'Deposited', eventData: { amount } }))
}

/** Appends to an account, as another process would. */
export function appendDeposits(store: EventStore, aggregateId: string, ...amounts: readonly number[]) {
  return store.appendEvents({ aggregateType: 'Account', aggregateId }, deposits(...amounts), { expectedVersion: 'any' })
}

/**
 * Puts something between a caller and the object that it calls.
 * @param target is called where there is no hook
 * @param hooks methods in place of the target's
 */
export function withHooks<TTarget extends object>(target: TTarget, hooks: Partial<TTarget>): TTarget {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(hooks, name)) return hooks[name as keyof TTarget]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** @returns the error that an action must end with, checked for its code */
export async function errorOf(action: Promise<unknown> | (() => unknown), code: string): Promise<Error> {
  try {
    await (typeof action === 'function' ? action() : action)
  } catch (error) {
    if (!isCimError(error)) throw error
    assert.equal(error.code, code, error.message)
    return error
  }
  return assert.fail(`Expected an error with the code '${code}'.`)
}

/** Lets everything run that can run without time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
}

if (import.meta.main) {
  test('the sample account opens once and is never overdrawn', () => {
    const context = { now: '2026-01-01T00:00:00.000Z' }
    const command = { commandType: 'Withdraw', data: { amount: 5 }, aggregateId: a1, commandId: 'c' }
    assert.deepEqual(account.decide({ owner: 'Ada', balance: 5 }, command, context), [
      event('Withdrawn', { amount: 5 }),
    ])
    assert.ok('rejected' in account.decide({ owner: 'Ada', balance: 4 }, command, context))
  })
}
