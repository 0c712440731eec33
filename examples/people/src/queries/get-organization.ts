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
    onDate: calendarDate.optional().describe('The day of the head count; today, in UTC, when left out.'),
    limit: z.coerce
      .number()
      .int()
      .min(0)
      .max(1000)
      .optional()
      .describe('How many members to show; 50 when left out. FindPersonsByOrganization gives all, page by page.'),
  }),
  result: organizationViewSchema.extend({
    children: z
      .array(organizationViewSchema.pick({ organizationId: true, name: true, status: true }))
      .describe('The first 1,000, in the order of their ids.'),
    headCount: z.number().int().describe('How many different persons it employs on that day.'),
    members: z
      .array(
        z.object({
          personId,
          name: z.string().describe('Empty when the person was not created.'),
          roles: z.array(z.string()),
          since: calendarDate.describe("The first day of the oldest of the person's current employments there."),
        }),
      )
      .describe('In the order of their names.'),
  }),
  handle: async ({ organizationId, onDate, limit = 50 }, read, { now }) => {
    const view = await read(organizationView).get(organizationId)
    if (view === undefined || view.status === 'NotCreated') return undefined
    const [children, members] = await Promise.all([
      read(organizationView).find('parent', { equals: organizationId, limit: mostChildren }),
      membersOf(read, organizationId, onDate ?? dayOf(now)),
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
