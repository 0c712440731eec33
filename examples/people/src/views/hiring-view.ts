/** How each person's hiring is doing: what the saga HiringProcess is about, for those who wait for it. */

import { type DomainEvent, defineProjection, type Views } from '@cim/core'
import { z } from 'zod'
import { employment } from '../employment.ts'
import { employmentOf, hiredBy } from '../hiring-process.ts'
import { person } from '../person.ts'
import { calendarDate, employmentId, organizationId, personId, role } from '../schemas.ts'

export const hiringViewSchema = z.object({
  personId,
  organizationId,
  employmentId,
  role,
  startDate: calendarDate,
  status: z
    .enum(['Employing', 'NotifyingHR', 'Escalated', 'Completed', 'Failed'])
    .describe('Escalated: HR has not been told in time, and still is to be.'),
  /** Why it has failed. */
  reason: z.string().optional(),
  lastUpdated: z.string(),
})

/** See {@link hiringView}. */
export type HiringView = z.infer<typeof hiringViewSchema>

/** A hiring is known by the person's id. It stays as it has ended, whatever becomes of the employment later. */
export const hiringView = defineProjection('HiringView', {
  from: [person, employment],
  schema: hiringViewSchema,
  on: {
    PersonCreated: ({ aggregateId, data: { hiring }, timestamp }, views) => {
      if (hiring === undefined) return
      const ids = { personId: aggregateId, employmentId: employmentOf(aggregateId) }
      views.set(aggregateId, { ...ids, ...hiring, status: 'Employing', lastUpdated: timestamp })
    },
    EmploymentStarted: (event, views) => becomes('NotifyingHR', event, hiredBy(event), views),
    HRNotificationEscalated: (event, views) => becomes('Escalated', event, hiredBy(event), views),
    HRNotified: (event, views) => becomes('Completed', event, hiredBy(event), views),
    PersonInformed: (event, views) => becomes('Failed', event, event.aggregateId, views, { reason: event.data.reason }),
  },
})

function becomes(
  status: HiringView['status'],
  { timestamp }: Pick<DomainEvent, 'timestamp'>,
  id: string | undefined,
  views: Views<HiringView>,
  more?: Pick<HiringView, 'reason'>,
): void {
  if (id === undefined) return
  views.update(id, (view) => view && (hasEnded(view) ? view : { ...view, ...more, status, lastUpdated: timestamp }))
}

function hasEnded({ status }: HiringView): boolean {
  return status === 'Completed' || status === 'Failed'
}
