import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defineAggregate, event, reject, type Schema } from '@cim/core'
import { given, ScenarioError } from '@cim/testing'

type PersonState = { readonly exists: boolean; readonly name?: string; readonly email?: string | undefined }
type Email = { readonly newEmail: string }
type Name = { readonly legalName: string; readonly born?: string | undefined }

/** Objects of which one property must be a string. */
function withString<TData extends object>(property: keyof TData & string): Schema<TData> {
  const validate = (value: unknown) =>
    typeof (value as Record<string, unknown> | null)?.[property] === 'string'
      ? { value: value as TData }
      : { issues: [{ message: 'must be a string', path: [property] }] }
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

const initialState: PersonState = { exists: false }

const person = defineAggregate('Person', {
  events: { PersonCreated: withString<Name>('legalName'), EmailChanged: withString<Email>('newEmail') },
  commands: { CreatePerson: withString<Name>('legalName'), ChangeEmail: withString<Email>('newEmail') },
  initialState,
  decide: {
    CreatePerson: (state, { data }) =>
      state.exists ? reject('person-exists', 'Person already created') : [event('PersonCreated', data)],
    ChangeEmail: (state, { data }) => {
      if (data.newEmail === 'wrong') return [event('EmailChanged', { newEmail: 5 as unknown as string })]
      return state.email === data.newEmail ? [] : [event('EmailChanged', data)]
    },
  },
  apply: {
    PersonCreated: (_, { data }) => ({ exists: true, name: data.legalName }),
    EmailChanged: (state, { data }) => ({ ...state, email: data.newEmail }),
  },
})

const ada: Name = { legalName: 'Ada' }
const created = event('PersonCreated', ada)

describe('given, when, then', () => {
  test('a scenario that ends as told passes', () => {
    given(person).when('CreatePerson', ada).thenEvents([created]).thenState({ exists: true, name: 'Ada' })
    given(person, [created]).when('CreatePerson', ada).thenRejected('person-exists').thenState({ name: 'Ada' })
    const changed = event('EmailChanged', { newEmail: 'ada@example.org' })
    given(person, [created, changed]).when('ChangeEmail', { newEmail: 'ada@example.org' }).thenNothing()
    given(person, [created])
      .when('ChangeEmail', { newEmail: 'a' })
      .thenState((state) => state.email === 'a')
    given(person, [created, changed]).thenState({ email: 'ada@example.org' }).when('CreatePerson', ada)
  })

  test('properties that are undefined count as missing, as they do once stored', () => {
    given(person)
      .when('CreatePerson', { ...ada, born: undefined })
      .thenEvents([created])
    given(person, [created]).thenState({ email: undefined })
  })

  test('other events than expected are shown with the difference', () => {
    const expected = event('EmailChanged', { newEmail: 'other@example.org' })
    const then = given(person, [created]).when('ChangeEmail', { newEmail: 'ada@example.org' })
    assert.equal(
      messageOf(() => then.thenEvents([expected])),
      `given Person, PersonCreated, when ChangeEmail: the list of events is not as expected.
  expected: [{"eventType":"EmailChanged","data":{"newEmail":"other@example.org"}}]
  actual:   [{"eventType":"EmailChanged","data":{"newEmail":"ada@example.org"}}]
  difference:
    /0/data/newEmail: expected "other@example.org", got "ada@example.org"`,
    )
    assert.match(
      messageOf(() => then.thenEvents([])),
      /\/0: not expected, got \{"eventType":"EmailChanged"/,
    )
    assert.match(
      messageOf(() => then.thenEvents([created, expected])),
      /\/1: expected \{"eventType":"EmailChanged".*, is missing/,
    )
  })

  test('a rejection in place of events, and events in place of a rejection, are shown', () => {
    const rejected = given(person, [created]).when('CreatePerson', ada)
    const reason = '{"code":"person-exists","message":"Person already created"}'
    const prefix = 'given Person, PersonCreated, when CreatePerson: expected'
    assert.equal(
      messageOf(() => rejected.thenEvents([])),
      `${prefix} the events [], got the rejection ${reason}.`,
    )
    assert.equal(
      messageOf(() => rejected.thenNothing()),
      `${prefix} no events, got the rejection ${reason}.`,
    )
    assert.equal(
      messageOf(() => rejected.thenRejected('other')),
      `${prefix} the rejection 'other', got the rejection ${reason}.`,
    )
    const accepted = given(person).when('CreatePerson', ada)
    assert.equal(
      messageOf(() => accepted.thenRejected('person-exists')),
      `given Person, when CreatePerson: expected the rejection 'person-exists', got the events ` +
        '[{"eventType":"PersonCreated","data":{"legalName":"Ada"}}].',
    )
    assert.match(
      messageOf(() => accepted.thenNothing()),
      /expected no events, got the events \[\{"eventType":"PersonCreated"/,
    )
  })

  test('another state than expected is shown with the difference', () => {
    const then = given(person).when('CreatePerson', ada)
    assert.equal(
      messageOf(() => then.thenState({ exists: true, name: 'Eve', email: 'e' })),
      `given Person, when CreatePerson: the state is not as expected.
  expected: {"exists":true,"name":"Eve","email":"e"}
  actual:   {"exists":true,"name":"Ada"}
  difference:
    /name: expected "Eve", got "Ada"
    /email: expected "e", is missing`,
    )
    assert.equal(
      messageOf(() => then.thenState(() => false)),
      'given Person, when CreatePerson: the state is not as expected.\n  actual: {"exists":true,"name":"Ada"}',
    )
  })

  test('data that does not fit its schema is an error, given, sent or decided', () => {
    const wrong = { legalName: 5 as unknown as string }
    assert.equal(
      messageOf(() => given(person, [event('PersonCreated', wrong)])),
      'The given event PersonCreated is not valid. /legalName: must be a string',
    )
    assert.equal(
      messageOf(() => given(person).when('CreatePerson', wrong)),
      'The command CreatePerson is not valid. /legalName: must be a string',
    )
    assert.equal(
      messageOf(() => given(person, [created]).when('ChangeEmail', { newEmail: 'wrong' })),
      'The decided event EmailChanged is not valid. /newEmail: must be a string',
    )
    const dated = event('PersonCreated', { legalName: 'Ada', born: new Date(0) as unknown as string })
    assert.equal(
      messageOf(() => given(person, [dated])),
      'The given event PersonCreated is not valid: its data at /born must be plain JSON, got a Date object',
    )
  })

  test('a name that is not defined is an error', () => {
    const unknown = event('PersonRenamed', ada) as unknown as typeof created
    assert.equal(
      messageOf(() => given(person, [unknown])),
      'The given event PersonRenamed is not defined.',
    )
    assert.equal(
      messageOf(() => given(person).when('constructor' as 'CreatePerson', ada)),
      'The command constructor is not defined.',
    )
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
