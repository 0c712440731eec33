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

/** Counting stops here, so that a list of everything does not read everything for each page. */
const mostRowsCounted = 10_000

export const listEmployment = defineQuery('ListEmployment', {
  parameters: z.strictObject({
    /** Only employments that cover this day, or `any` for all; today, in UTC, when left out. */
    asOf: z.union([calendarDate, z.literal('any')]).optional(),
    organizationId: organizationId.optional(),
    /** Only those recorded under this id; employments of records that were merged into it keep their own. */
    personId: personId.optional(),
    ...pageParameters,
  }),
  /** In the order of their ends, open ends last. The total is absent when more than 10,000 would have to be looked through. */
  result: pageOf(
    employmentViewSchema.extend({
      /** Empty when the person was not created. */
      personName: z.string(),
      /** Empty when the organization was not created. */
      organizationName: z.string(),
    }),
  ),
  handle: async ({ asOf, organizationId, personId, ...parameters }, read, { now }) => {
    const day = asOf === 'any' ? undefined : (asOf ?? dayOf(now))
    const [index, range] = scopeOf(organizationId, personId, day)
    const isWanted = (view: EmploymentView): boolean =>
      (day === undefined || covers(view, day)) &&
      (organizationId === undefined || view.organizationId === organizationId)
    const view = read(employmentView)
    const page = await findPage(view, index, range, parameters, (row) => isWanted(row.view))
    const isWhole = parameters.cursor === undefined && page.nextCursor === undefined
    const total = isWhole ? page.items.length : await countRows(view, index, range, isWanted)
    return { ...page, items: await withNames(read, page.items), total }
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
