/**
 * What is known of each person. Employments are not kept here: which of them count depends on the day that is asked for,
 * and queries find them through an index.
 */

import { defineProjection } from '@cim/core'
import { z } from 'zod'
import { nameKeys } from '../name-keys.ts'
import { person } from '../person.ts'
import { personName } from '../person-name.ts'
import { calendarDate, personId } from '../schemas.ts'
import { viewChanger } from './view-changer.ts'

export const personViewSchema = z.object({
  personId,
  /** The full legal name; empty while the person is known as the target of a merge alone and was not created yet. */
  name: z.string(),
  legalName: personName.optional(),
  email: z.string().optional(),
  dateOfBirth: calendarDate.optional(),
  dateOfDeath: calendarDate.optional(),
  status: z.enum(['NotCreated', 'Active', 'Inactive', 'Deceased', 'Merged']),
  /** The person that this one turned out to be. */
  mergedInto: personId.optional(),
  /** The persons that turned out to be this one. */
  mergedIds: z.array(personId),
  lastUpdated: z.string(),
})

/** See {@link personView}. */
export type PersonView = z.infer<typeof personViewSchema>

const change = viewChanger<PersonView>((id) => ({
  personId: person.id(id),
  name: '',
  status: 'NotCreated',
  mergedIds: [],
  lastUpdated: '',
}))

/** A person who was merged into another one is found by id alone: a search shall find the other one. */
export const personView = defineProjection('PersonView', {
  from: [person],
  schema: personViewSchema,
  indexes: {
    email: ({ email, status }) => (status === 'Merged' ? undefined : email?.toLowerCase()),
    name: ({ legalName, status }) => (status === 'Merged' || legalName === undefined ? undefined : nameKeys(legalName)),
  },
  on: {
    PersonCreated: (event, views) => {
      const { legalName, dateOfBirth } = event.data
      change(views, event.aggregateId, event, { name: legalName.full, legalName, dateOfBirth, status: 'Active' })
    },
    NameUpdated: (event, views) => {
      const { legalName } = event.data
      change(views, event.aggregateId, event, { name: legalName.full, legalName })
    },
    EmailChanged: (event, views) => change(views, event.aggregateId, event, { email: event.data.newEmail }),
    BirthDateSet: (event, views) => change(views, event.aggregateId, event, event.data),
    DeathRecorded: (event, views) => change(views, event.aggregateId, event, { ...event.data, status: 'Deceased' }),
    PersonDeactivated: (event, views) => change(views, event.aggregateId, event, { status: 'Inactive' }),
    PersonReactivated: (event, views) => change(views, event.aggregateId, event, { status: 'Active' }),
    PersonMergedInto: (event, views) => {
      const { aggregateId, data } = event
      change(views, aggregateId, event, { status: 'Merged', mergedInto: data.targetId })
      change(views, data.targetId, event, ({ mergedIds }) => ({ mergedIds: [...mergedIds, aggregateId] }))
    },
  },
})
