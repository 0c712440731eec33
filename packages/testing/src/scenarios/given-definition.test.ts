import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defineAggregate, event, type Schema } from '@cim/core'
import { given, ScenarioError } from '@cim/testing'

type Name = { readonly legalName: string }

const ada: Name = { legalName: 'Ada' }

/** Objects of which one property must be a string. */
function withString<TData extends object>(property: keyof TData & string): Schema<TData> {
  const validate = (value: unknown) =>
    typeof (value as Record<string, unknown> | null)?.[property] === 'string'
      ? { value: value as TData }
      : { issues: [{ message: 'must be a string', path: [property] }] }
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

describe('a scenario', () => {
  test('a decision or a state change that is not pure is found out', () => {
    const list = withString<{ readonly item: string }>('item')
    const messages = { events: { Added: list }, commands: { Add: list }, initialState: { items: [] as string[] } }
    const apply = {
      Added: (state: { items: string[] }, { data }: { data: { item: string } }) => ({
        items: [...state.items, data.item],
      }),
    }
    const decide = { Add: (_: unknown, { data }: { data: { readonly item: string } }) => [event('Added', data)] }
    const impureDecision = defineAggregate('Basket', {
      ...messages,
      apply,
      decide: {
        Add: (state, { data }) => {
          state.items.push(data.item)
          return [event('Added', data)]
        },
      },
    })
    assert.equal(
      messageOf(() => given(impureDecision).when('Add', { item: 'x' })),
      "given Basket, when Add: 'decide' changed what it was given. Return new values instead.",
    )
    const impureChange = defineAggregate('Basket', {
      ...messages,
      initialState: { items: [] as string[] },
      decide,
      apply: {
        Added: (state, { data }) => {
          state.items.push(data.item)
          return state
        },
      },
    })
    assert.equal(
      messageOf(() => given(impureChange, [event('Added', { item: 'x' })])),
      "given event Added: 'apply' changed what it was given. Return new values instead.",
    )
  })

  test('an asynchronous schema is an error that says so', () => {
    const late: Schema<Name> = {
      '~standard': { version: 1, vendor: 'test', validate: async (value) => ({ value: value as Name }) },
    }
    const slow = defineAggregate('Slow', {
      events: {},
      commands: { Wait: late },
      initialState: null,
      decide: { Wait: () => [] },
      apply: {},
    })
    assert.match(
      messageOf(() => given(slow).when('Wait', ada)),
      /^The schema of the command Wait is asynchronous/,
    )
  })

  test('decisions see the id, the user and the time that the scenario sets', () => {
    const seen: unknown[] = []
    const curious = defineAggregate('Curious', {
      events: {},
      commands: { Look: withString<Name>('legalName') },
      initialState: null,
      decide: {
        Look: (_, { aggregateId, commandId, userId }, { now }) => {
          seen.push({ aggregateId, commandId, userId, now })
          return []
        },
      },
      apply: {},
    })
    given(curious)
      .when('Look', ada)
      .thenNothing()
      .thenState(() => true)
    const options = { commandId: 'c', userId: 'u', now: '2030-01-01T00:00:00.000Z' }
    given(curious, [], { aggregateId: 'a' }).when('Look', ada, options).thenNothing()
    const now = '2026-01-01T00:00:00.000Z'
    assert.deepEqual(seen, [
      { aggregateId: 'aggregate-1', commandId: 'command-1', userId: undefined, now },
      { aggregateId: 'a', ...options },
    ])
  })
})
function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof ScenarioError, String(error))
    return error.message
  }
  return assert.fail('the scenario should have failed')
}
