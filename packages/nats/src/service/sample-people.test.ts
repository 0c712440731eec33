/** An application for the tests of the service. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Application,
  type ApplicationOptions,
  defineAggregate,
  defineProjection,
  defineQuery,
  event,
  MemoryEventStore,
  MemoryViewStore,
  reject,
  type Schema,
} from '@cim/core'

/** Objects with these strings, and nothing else. */
function strings<TName extends string>(...names: readonly TName[]): Schema<Readonly<Record<TName, string>>> {
  const validate = (value: unknown) => {
    const found = (typeof value === 'object' ? value : undefined) as Record<string, unknown> | undefined | null
    const issues = names
      .filter((name) => typeof found?.[name] !== 'string')
      .map((name) => ({ message: 'must be a string', path: [name] }))
    return issues.length > 0 ? { issues } : { value: found as Record<TName, string> }
  }
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

const person = defineAggregate('Person', {
  events: { PersonCreated: strings('legalName') },
  commands: { CreatePerson: strings('legalName'), Fail: strings() },
  initialState: { exists: false },
  decide: {
    CreatePerson: (state, { data }) =>
      state.exists ? reject('person-exists', 'Person already created') : [event('PersonCreated', data)],
    Fail: () => {
      throw new Error('a secret at /home/someone/file.ts')
    },
  },
  apply: { PersonCreated: () => ({ exists: true }) },
})

const people = defineProjection('PersonView', {
  from: [person],
  schema: strings('name'),
  on: { PersonCreated: ({ aggregateId, data }, views) => views.set(aggregateId, { name: data.legalName }) },
})

const getPerson = defineQuery('GetPersonById', {
  parameters: strings('id'),
  result: strings('name'),
  handle: ({ id }, read) => read(people).get(id),
})

const repeatText = defineQuery('RepeatText', {
  parameters: strings('times'),
  result: strings('text'),
  handle: async ({ times }) => ({ text: 'x'.repeat(Number(times)) }),
})

/** @returns the application, started */
export async function startPeople(options: Partial<ApplicationOptions> = {}): Promise<Application> {
  const application = new Application({
    eventStore: new MemoryEventStore(),
    viewStore: new MemoryViewStore(),
    aggregates: [person as never],
    projections: [people as never],
    queries: [getPerson as never, repeatText as never],
    ...options,
  })
  await application.start()
  return application
}

if (import.meta.main) {
  test('a person who was created is found', async () => {
    await using application = await startPeople()
    const { aggregateId, position } = await application.dispatch({
      commandType: 'CreatePerson',
      data: { legalName: 'Ada' },
    })
    const query = { queryType: 'GetPersonById', parameters: { id: aggregateId }, afterPosition: position }
    assert.deepEqual(await application.answer(query), { name: 'Ada' })
  })
}
