/** The view that catch-ups build, and the queries that are asked over HTTP. */

import { defineProjection, defineQuery, type EventOf, type Views } from '@cim/core'
import { z } from 'zod'
import { person } from './person.ts'

const personDocument = z.object({
  personId: z.string(),
  givenName: z.string(),
  familyName: z.string(),
  dateOfBirth: z.string(),
  email: z.string(),
  city: z.string(),
  address: z.string(),
  notes: z.number(),
  changedAt: z.string(),
})

/** One document of the view. */
export type PersonDocument = z.infer<typeof personDocument>

/** Any event of a person. */
export type PersonEvent = Pick<EventOf<typeof person>, 'eventType' | 'data' | 'aggregateId' | 'timestamp'>

/** What one event makes of a person's document; shared with the raw loops, so that both do the same. */
export function changeDocument(document: PersonDocument | undefined, event: PersonEvent): PersonDocument | undefined {
  const { aggregateId: personId, timestamp: changedAt } = event
  if (event.eventType === 'PersonRegistered') {
    const { givenName, familyName, dateOfBirth, email } = event.data as Registered
    return { personId, givenName, familyName, dateOfBirth, email, city: '', address: '', notes: 0, changedAt }
  }
  if (document === undefined) return undefined
  switch (event.eventType) {
    case 'EmailChanged':
      return { ...document, email: (event.data as { newEmail: string }).newEmail, changedAt }
    case 'AddressChanged': {
      const { street, postalCode, city, country } = event.data as Address
      return { ...document, city, address: `${street}, ${postalCode} ${city}, ${country}`, changedAt }
    }
    case 'NameUpdated':
      return { ...document, familyName: (event.data as { familyName: string }).familyName, changedAt }
    case 'NoteAdded':
      return { ...document, notes: document.notes + 1, changedAt }
  }
}

type Registered = Pick<PersonDocument, 'givenName' | 'familyName' | 'dateOfBirth' | 'email'>
type Address = { readonly street: string; readonly postalCode: string; readonly city: string; readonly country: string }

/** How documents are found. */
export const personIndexes = {
  city: (document: PersonDocument) => (document.city === '' ? undefined : document.city),
  email: (document: PersonDocument) => document.email,
  familyName: (document: PersonDocument) => document.familyName,
}

function change(event: PersonEvent, views: Views<PersonDocument>): void {
  views.update(event.aggregateId, (document) => changeDocument(document, event))
}

/** People with their addresses, found by e-mail, family name and city. */
export const personView = defineProjection('PersonView', {
  from: [person],
  schema: personDocument,
  indexes: personIndexes,
  on: {
    PersonRegistered: change,
    EmailChanged: change,
    AddressChanged: change,
    NameUpdated: change,
    NoteAdded: change,
  },
})

const email = z.object({ email: z.string() })

export const getPerson = defineQuery('GetPerson', {
  parameters: z.object({ personId: z.string() }),
  result: personDocument,
  handle: ({ personId }, read) => read(personView).get(personId),
})

export const findPersonsByEmail = defineQuery('FindPersonsByEmail', {
  parameters: email,
  result: z.array(personDocument),
  handle: (parameters, read) => read(personView).find('email', { equals: parameters.email, limit: 10 }),
})
