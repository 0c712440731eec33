/** What the application of these tests is made of. */

import { defineAggregate, defineProjection, defineQuery, event, type QueryDefinition, reject } from '@cim/core'
import { z } from 'zod'

interface PersonState {
  readonly exists: boolean
  readonly legalName?: string
  readonly email?: string
}

const initialState: PersonState = { exists: false }

export const person = defineAggregate('Person', {
  events: {
    PersonCreated: z.object({ legalName: z.string() }),
    EmailChanged: z.object({ newEmail: z.string() }),
    NoteTaken: z.object({ note: z.unknown() }),
  },
  commands: {
    CreatePerson: z.strictObject({ legalName: z.string().min(1) }),
    ChangeEmail: z.strictObject({ newEmail: z.email() }),
    TakeNote: z.strictObject({ note: z.unknown() }),
    Fail: z.strictObject({}),
  },
  initialState,
  decide: {
    CreatePerson: (state, { data }) =>
      state.exists ? reject('person-exists', 'This person exists already.') : [event('PersonCreated', data)],
    ChangeEmail: (state, { data }) => {
      if (!state.exists) return reject('person-not-found', 'There is no such person.')
      return state.email === data.newEmail ? [] : [event('EmailChanged', data)]
    },
    TakeNote: (_, { data }) => [event('NoteTaken', data)],
    Fail: () => {
      throw new Error('a secret at /home/someone/file.ts')
    },
  },
  apply: {
    PersonCreated: (_, { data }) => ({ exists: true, legalName: data.legalName }),
    EmailChanged: (state, { data }) => ({ ...state, email: data.newEmail }),
    NoteTaken: (state) => state,
  },
})

const personView = z.object({ id: z.string(), legalName: z.string(), email: z.string().optional() })

export const people = defineProjection('PersonView', {
  from: [person],
  schema: personView,
  indexes: { email: (view) => view.email, legalName: (view) => view.legalName },
  on: {
    PersonCreated: ({ aggregateId, data }, views) =>
      views.set(aggregateId, { id: aggregateId, legalName: data.legalName }),
    EmailChanged: ({ aggregateId, data }, views) =>
      views.update(aggregateId, (view) => (view === undefined ? undefined : { ...view, email: data.newEmail })),
  },
})

export const queries: readonly QueryDefinition[] = [
  defineQuery('GetPersonById', {
    parameters: z.strictObject({ id: z.string() }),
    result: personView,
    handle: ({ id }, read) => read(people).get(id),
  }),
  defineQuery('FindPersonsByEmail', {
    parameters: z.strictObject({ email: z.email(), limit: z.coerce.number().int().min(1).max(100).optional() }),
    result: z.array(personView),
    handle: ({ email, limit }, read) => read(people).find('email', { equals: email, ...(limit && { limit }) }),
  }),
  defineQuery('EchoParameters', {
    parameters: z.custom<Readonly<Record<string, unknown>>>((value) => typeof value === 'object'),
    // Anything: what comes back is what came in.
    result: z.unknown(),
    handle: async (parameters) => ({ isOwn: Object.keys(parameters), parameters }),
  }),
]
