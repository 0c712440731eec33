import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DomainEvent } from '../event-store/domain-event.ts'
import { type Amount, a1, account, errorOf, shape } from '../sample-account.test.ts'
import type { Schema } from '../schema/schema.ts'
import { defineAggregate } from './aggregate.ts'

const amount = shape<Amount>({ amount: 'number' })
const options = {
  events: { Deposited: amount },
  commands: { Deposit: amount },
  initialState: { balance: 0 },
  decide: { Deposit: () => [] },
  apply: { Deposited: (state: { readonly balance: number }) => state },
}

describe('an aggregate definition', () => {
  test('that contradicts itself is refused with what is wrong', async () => {
    const wrong: readonly (readonly [string, object, RegExp])[] = [
      ['Account', { decide: {} }, /'decide' lacks a function for Deposit/],
      ['Account', { apply: {} }, /'apply' lacks a function for Deposited/],
      ['Account', { decide: { Deposit: 5 } }, /'decide' lacks a function for Deposit/],
      [
        'Account',
        { decide: { ...options.decide, Withdraw: () => [] } },
        /'decide' has Withdraw, which 'commands' lacks/,
      ],
      ['Account', { apply: { ...options.apply, Closed: () => null } }, /'apply' has Closed, which 'events' lacks/],
      ['Account', { upcasters: { Closed: [] } }, /'upcasters' has Closed, which 'events' lacks/],
      ['Account', { events: { 'not.fine': amount } }, /the name "not.fine" must be a letter/],
      ['Account', { commands: { '1st': amount } }, /the name "1st" must be a letter/],
      ['', {}, /the name "" must be a letter/],
      ['x'.repeat(101), {}, /must be a letter/],
      ['events.Account', {}, /the name "events.Account" must be a letter/],
    ]
    for (const [aggregateType, part, message] of wrong) {
      const define = () => defineAggregate(aggregateType, { ...options, ...part } as typeof options)
      assert.match((await errorOf(define, 'invalid-definition')).message, message)
    }
  })

  test('with an option that nobody knows is refused by name', async () => {
    const define = () => defineAggregate('Account', { ...options, upcaster: {} } as typeof options)
    const error = await errorOf(define, 'invalid-option')
    assert.match(error.message, /defineAggregate\('Account'\): option 'upcaster' is unknown/)
  })

  test('may use names that objects have by themselves', () => {
    const odd = defineAggregate('constructor', {
      events: { toString: amount },
      commands: { valueOf: amount },
      initialState: 0,
      decide: { valueOf: () => [] },
      apply: { toString: (count) => count + 1 },
    })
    const stored = { eventType: 'toString', data: { amount: 1 } } as unknown as DomainEvent
    assert.equal(odd.apply(1, stored), 2)
    assert.equal(odd.apply(1, { ...stored, eventType: 'hasOwnProperty' }), 1)
  })

  test('writes commands as plain JSON', () => {
    const command = account.command('Deposit', { amount: 5 }, { aggregateId: a1, expectedVersion: 3 })
    assert.deepEqual(command, { commandType: 'Deposit', data: { amount: 5 }, aggregateId: 'a-1', expectedVersion: 3 })
    assert.deepEqual(account.command('Open', { owner: 'Ada' }), { commandType: 'Open', data: { owner: 'Ada' } })
  })

  test('does not decide on a command that it does not define', async () => {
    const command = { commandType: 'Close', data: {}, aggregateId: a1, commandId: 'c' }
    const decide = () => account.decide(account.initialState, command, { now: '' })
    await errorOf(decide, 'invalid-definition')
  })

  test('has a fingerprint that changes when what is folded may change', () => {
    const fingerprintOf = (part: object): string =>
      defineAggregate('Account', { ...options, ...part } as typeof options).fingerprint
    const described = (type: string): Schema<Amount> => {
      const jsonSchema = { input: () => ({ type }), output: () => ({ type }) }
      const standard = { ...amount['~standard'], jsonSchema }
      return { '~standard': standard } as Schema<Amount>
    }
    const fingerprints = [
      fingerprintOf({}),
      fingerprintOf({ initialState: { balance: 1 } }),
      fingerprintOf({ apply: { Deposited: () => ({ balance: 1 }) } }),
      fingerprintOf({ stateVersion: 2 }),
      fingerprintOf({ upcasters: { Deposited: [(data: unknown) => data] } }),
      fingerprintOf({ upcasters: { Deposited: [(data: unknown) => [data]] } }),
      fingerprintOf({ events: { Deposited: described('object') } }),
      fingerprintOf({ events: { Deposited: described('number') } }),
    ]
    assert.equal(new Set(fingerprints).size, fingerprints.length)
    assert.equal(fingerprintOf({}), fingerprints[0])
    assert.equal(fingerprintOf({ decide: { Deposit: () => [{}] } }), fingerprints[0], 'decisions do not fold')
  })
})
