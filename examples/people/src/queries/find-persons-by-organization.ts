/** The persons whom an organization employs on a day. */

import { defineQuery } from '@cim/core'
import { z } from 'zod'
import { calendarDate, dayOf, organizationId } from '../schemas.ts'
import { comparePlaces, membersOf, placeOfMember } from './members.ts'
import { pageOf, pageParameters, placeOfCursor, toPage } from './page.ts'
import { personResult, toPersonResults } from './persons.ts'

export const findPersonsByOrganization = defineQuery('FindPersonsByOrganization', {
  parameters: z.strictObject({
    organizationId,
    onDate: calendarDate.optional().describe('The day on which they are employed; today, in UTC, when left out.'),
    ...pageParameters,
  }),
  result: pageOf(personResult),
  handle: async ({ organizationId, onDate, ...page }, read, { now }) => {
    const day = onDate ?? dayOf(now)
    const after = placeOfCursor(page)
    const members = await membersOf(read, organizationId, day)
    const persons = members.filter(({ person }) => person !== undefined && person.status !== 'NotCreated')
    const rest = persons.filter((member) => after === undefined || comparePlaces(placeOfMember(member), after) > 0)
    const { items, ...found } = toPage(rest, page, placeOfMember)
    const views = items.flatMap(({ person }) => person ?? [])
    return { ...found, items: [...(await toPersonResults(read, views, day))], total: persons.length }
  },
})
