/** One person, with the organizations that employ the person on a day. */

import { defineQuery } from '@cim/core'
import { z } from 'zod'
import { calendarDate, dayOf, personId } from '../schemas.ts'
import { personView } from '../views/person-view.ts'
import { personResult, toPersonResults } from './persons.ts'

/** @see the mission's heading "Query Handlers" */
export const getPersonById = defineQuery('GetPersonById', {
  parameters: z.strictObject({
    personId,
    onDate: calendarDate.optional().describe('The day whose organizations are shown; today, in UTC, when left out.'),
  }),
  result: personResult,
  handle: async ({ personId, onDate }, read, { now }) => {
    const view = await read(personView).get(personId)
    if (view === undefined || view.status === 'NotCreated') return undefined
    const [result] = await toPersonResults(read, [view], onDate ?? dayOf(now))
    return result
  },
})
