/** Persons by e-mail address. Several may share one. */

import { defineQuery } from '@cim/core'
import { z } from 'zod'
import { calendarDate, dayOf } from '../schemas.ts'
import { personView } from '../views/person-view.ts'
import { findPage, pageOf, pageParameters } from './page.ts'
import { personResult, toPersonResults } from './persons.ts'

export const findPersonsByEmail = defineQuery('FindPersonsByEmail', {
  parameters: z.strictObject({
    email: z.string().min(1).max(254).describe('The whole address; case does not matter.'),
    onDate: calendarDate.optional().describe('The day whose organizations are shown; today, in UTC, when left out.'),
    ...pageParameters,
  }),
  result: pageOf(personResult),
  handle: async ({ email, onDate, ...page }, read, { now }) => {
    const equals = email.toLowerCase()
    const [found, total] = await Promise.all([
      findPage(read(personView), 'email', { equals }, page),
      read(personView).count('email', equals),
    ])
    return { ...found, items: [...(await toPersonResults(read, found.items, onDate ?? dayOf(now)))], total }
  },
})
