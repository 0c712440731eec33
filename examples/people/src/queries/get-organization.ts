/** One organization, with its children, its head count and its members on a day. */

import { defineQuery } from '@cim/core'
import { z } from 'zod'
import { calendarDate, dayOf, organizationId, personId } from '../schemas.ts'
import { organizationView, organizationViewSchema } from '../views/organization-view.ts'
import { membersOf } from './members.ts'

const mostChildren = 1000

export const getOrganization = defineQuery('GetOrganization', {
  parameters: z.strictObject({
    organizationId,
    /** The day of the head count; today, in UTC, when left out. */
    asOf: calendarDate.optional(),
    /** How many members to show at most; 50 when left out. FindPersonsByOrganization gives all, page by page. */
    limit: z.coerce.number().int().min(0).max(1000).optional(),
  }),
  result: organizationViewSchema.extend({
    /** The first 1,000 in the order of their ids. */
    children: z.array(organizationViewSchema.pick({ organizationId: true, name: true, status: true })),
    /** How many different persons it employs on that day. */
    headCount: z.number().int(),
    /** In the order of their names. */
    members: z.array(
      z.object({
        personId,
        /** Empty when the person was not created. */
        name: z.string(),
        roles: z.array(z.string()),
        /** The first day of the oldest of the person's current employments there. */
        since: calendarDate,
      }),
    ),
  }),
  handle: async ({ organizationId, asOf, limit = 50 }, read, { now }) => {
    const view = await read(organizationView).get(organizationId)
    if (view === undefined || view.status === 'NotCreated') return undefined
    const [children, members] = await Promise.all([
      read(organizationView).find('parent', { equals: organizationId, limit: mostChildren }),
      membersOf(read, organizationId, asOf ?? dayOf(now)),
    ])
    return {
      ...view,
      children: children.map(({ organizationId, name, status }) => ({ organizationId, name, status })),
      headCount: members.length,
      members: members.slice(0, limit).map(({ personId, person, employments }) => ({
        personId,
        name: person?.name ?? '',
        roles: [...new Set(employments.map(({ role }) => role))],
        since: employments.map(({ startDate }) => startDate).reduce((one, other) => (one < other ? one : other)),
      })),
    }
  },
})
