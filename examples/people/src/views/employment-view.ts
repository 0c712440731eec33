/** Who works where, as what, from when to when. */

import { defineProjection, type FindOptions } from '@cim/core'
import { z } from 'zod'
import { employment } from '../employment.ts'
import { calendarDate, employmentId, organizationId, personId } from '../schemas.ts'

export const employmentViewSchema = z.object({
  employmentId,
  personId,
  organizationId,
  role: z.string(),
  startDate: calendarDate,
  /** The first day that is not covered any more. */
  endDate: calendarDate.optional(),
  endReason: z.string().optional(),
  lastUpdated: z.string(),
})

/** See {@link employmentView}. */
export type EmploymentView = z.infer<typeof employmentViewSchema>

/**
 * The indexes are ordered by end, open ends last. Whoever asks for a day reads only what ended later: for today, the
 * employments of today and none of the past, however long that is.
 */
export const employmentView = defineProjection('EmploymentView', {
  from: [employment],
  schema: employmentViewSchema,
  indexes: {
    end: ({ endDate }) => endDate ?? openEnd,
    organization: ({ organizationId, endDate }) => keyOf(organizationId, endDate),
    person: ({ personId, endDate }) => keyOf(personId, endDate),
  },
  on: {
    EmploymentStarted: ({ aggregateId, data, timestamp }, views) =>
      views.set(aggregateId, { employmentId: aggregateId, ...data, lastUpdated: timestamp }),
    EmploymentEnded: ({ aggregateId, data: { endDate, reason }, timestamp }, views) =>
      views.update(aggregateId, (view) => view && { ...view, endDate, endReason: reason, lastUpdated: timestamp }),
  },
})

const openEnd = '9999-12-31'
// An id contains no control characters, so none begins with another one and a tab.
const separator = '\t'
const afterSeparator = '\n'

/**
 * @param id an organization's or a person's
 * @param from only employments that end on this day or later; all when left out
 * @returns what finds the employments in the index `organization` or `person`
 */
export function endingFrom(id: string, from = ''): Pick<FindOptions, 'from' | 'before'> {
  return { from: id + separator + from, before: id + afterSeparator }
}

/** @returns whether an employment covers a day: `startDate <= day < endDate` */
export function covers({ startDate, endDate }: Pick<EmploymentView, 'startDate' | 'endDate'>, day: string): boolean {
  return startDate <= day && (endDate === undefined || day < endDate)
}

function keyOf(id: string, endDate: string | undefined): string {
  return id + separator + (endDate ?? openEnd)
}
