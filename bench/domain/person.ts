/** The aggregate that every benchmark works with. It stays as it is, so that results of different days compare. */

import { defineAggregate, event, reject } from '@cim/core'
import { z } from 'zod'

const email = z.email().max(254)
const text = z.string().trim().min(1).max(1000)
const name = text.max(100)
const address = { street: name, postalCode: name, city: name, country: name }

interface PersonState {
  readonly isRegistered: boolean
  readonly familyName: string
  readonly email: string
  readonly city: string
  readonly notes: number
}

const initialState: PersonState = { isRegistered: false, familyName: '', email: '', city: '', notes: 0 }
const unknown = reject('person-unknown', 'There is no such person.')

/** A person with an address, and notes about her. */
export const person = defineAggregate('Person', {
  events: {
    PersonRegistered: z.object({ givenName: name, familyName: name, dateOfBirth: z.iso.date(), email }),
    EmailChanged: z.object({ newEmail: email, reason: text }),
    AddressChanged: z.object(address),
    NameUpdated: z.object({ familyName: name, reason: text }),
    NoteAdded: z.object({ author: name, text }),
  },
  commands: {
    RegisterPerson: z.strictObject({ givenName: name, familyName: name, dateOfBirth: z.iso.date(), email }),
    ChangeEmail: z.strictObject({ newEmail: email, reason: text }),
    ChangeAddress: z.strictObject(address),
    UpdateName: z.strictObject({ familyName: name, reason: text }),
    AddNote: z.strictObject({ author: name, text }),
  },
  initialState,
  decide: {
    RegisterPerson: (state, { data }) =>
      state.isRegistered ? reject('person-known', 'This person is registered.') : [event('PersonRegistered', data)],
    ChangeEmail: (state, { data }) => {
      if (!state.isRegistered) return unknown
      return state.email === data.newEmail ? [] : [event('EmailChanged', data)]
    },
    ChangeAddress: (state, { data }) => (state.isRegistered ? [event('AddressChanged', data)] : unknown),
    UpdateName: (state, { data }) => (state.isRegistered ? [event('NameUpdated', data)] : unknown),
    AddNote: (state, { data }) => (state.isRegistered ? [event('NoteAdded', data)] : unknown),
  },
  apply: {
    PersonRegistered: (state, { data: { familyName, email } }) => ({ ...state, isRegistered: true, familyName, email }),
    EmailChanged: (state, { data }) => ({ ...state, email: data.newEmail }),
    AddressChanged: (state, { data }) => ({ ...state, city: data.city }),
    NameUpdated: (state, { data }) => ({ ...state, familyName: data.familyName }),
    NoteAdded: (state) => ({ ...state, notes: state.notes + 1 }),
  },
})
