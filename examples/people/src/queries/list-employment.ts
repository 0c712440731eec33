/** Employments on a day or ever: of an organization, of a person, or all. */

import { defineQuery, type FindOptions, type Read, type ReadModel } from '@cim/core'
import { z } from 'zod'
import { calendarDate, dayOf, organizationId, personId } from '../schemas.ts'
import {
  covers,
  type EmploymentView,
  employmentView,
  employmentViewSchema,
  endingFrom,
} from '../views/employment-view.ts'
import { personView } from '../views/person-view.ts'
import { findPage, findRows, pageOf, pageParameters } from './page.ts'
import { organizationNames } from './persons.ts'

/** Counting looks at so many employments at most, which takes some 20 ms. */
const mostRowsCounted = 5000

export const listEmployment = defineQuery('ListEmployment', {
  parameters: z.strictObject({
    onDate: z
      .union([calendarDate, z.literal('any')])
      .optional()
      .describe("Only employments that cover this day, or 'any' for all; today, in UTC, when left out."),
    organizationId: organizationId.optional(),
    personId: personId
      .optional()
      .describe('Only those recorded under this id; employments of records that were merged into it keep their own.'),
    ...pageParameters,
  }),
  /** In the order of their ends, open ends last. The first page has the total, unless that takes too long to count. */
  result: pageOf(
    employmentViewSchema.extend({
      personName: z.string().describe('Empty when the person was not created.'),
      organizationName: z.string().describe('Empty when the organization was not created.'),
    }),
  ),
  handle: async ({ onDate, organizationId, personId, ...parameters }, read, { now }) => {
    const day = onDate === 'any' ? undefined : (onDate ?? dayOf(now))
    const [index, range] = scopeOf(organizationId, personId, day)
    const isWanted = (view: EmploymentView): boolean =>
      (day === undefined || covers(view, day)) &&
      (organizationId === undefined || view.organizationId === organizationId)
    const view = read(employmentView)
    const page = await findPage(view, index, range, parameters, (row) => isWanted(row.view))
    const items = await withNames(read, page.items)
    if (parameters.cursor !== undefined) return { ...page, items }
    if (page.nextCursor === undefined) return { items, total: items.length }
    const isEverything = index === 'end' && day === undefined
    return { ...page, items, total: await (isEverything ? view.count() : countRows(view, index, range, isWanted)) }
  },
})

type Index = 'organization' | 'person' | 'end'

function scopeOf(
  organizationId: string | undefined,
  personId: string | undefined,
  day: string | undefined,
): [Index, FindOptions] {
  // A person has fewer employments than an organization.
  if (personId !== undefined) return ['person', endingFrom(personId, day)]
  if (organizationId !== undefined) return ['organization', endingFrom(organizationId, day)]
  return ['end', day === undefined ? {} : { from: day }]
}

async function countRows(
  view: ReadModel<EmploymentView, Index>,
  index: Index,
  range: FindOptions,
  isWanted: (view: EmploymentView) => boolean,
): Promise<number | undefined> {
  let looked = 0
  let wanted = 0
  for await (const row of findRows(view, index, range)) {
    if (++looked > mostRowsCounted) return undefined
    if (isWanted(row.view)) wanted++
  }
  return wanted
}

async function withNames(read: Read, employments: readonly EmploymentView[]) {
  const [persons, organizations] = await Promise.all([
    read(personView).getMany([...new Set(employments.map(({ personId }) => personId))]),
    organizationNames(
      read,
      employments.map(({ organizationId }) => organizationId),
    ),
  ])
  const names = new Map(persons.map(({ personId, name }) => [personId, name]))
  return employments.map((view) => ({
    ...view,
    personName: names.get(view.personId) ?? '',
    organizationName: organizations.get(view.organizationId) ?? '',
  }))
}
