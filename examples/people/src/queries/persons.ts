/** What the queries about persons have in common. */

import type { Read } from '@cim/core'
import { z } from 'zod'
import { calendarDate, organizationId } from '../schemas.ts'
import { covers, type EmploymentView, employmentView, endingFrom } from '../views/employment-view.ts'
import { type OrganizationView, organizationView } from '../views/organization-view.ts'
import { type PersonView, personView, personViewSchema } from '../views/person-view.ts'

/** A person as queries show it: with the organizations that employ the person on the day asked for. */
export const personResult = personViewSchema.extend({
  organizations: z.array(
    z.object({
      organizationId,
      /** Empty when the organization was not created. */
      name: z.string(),
      role: z.string(),
      startDate: calendarDate,
      /** The first day that is not covered any more. */
      endDate: calendarDate.optional(),
    }),
  ),
})

/** See {@link personResult}. */
export type PersonResult = z.infer<typeof personResult>

/**
 * @param read opens views
 * @param persons from the view
 * @param day which employments to show
 * @returns the persons in the same order
 */
export async function toPersonResults(
  read: Read,
  persons: readonly PersonView[],
  day: string,
): Promise<readonly PersonResult[]> {
  const found = await Promise.all(
    persons.map(async (view) => ({ view, employments: await employmentsOf(read, view, day) })),
  )
  const names = await organizationNames(
    read,
    found.flatMap(({ employments }) => employments.map(({ organizationId }) => organizationId)),
  )
  return found.map(({ view, employments }) => ({
    ...view,
    organizations: employments.map(({ organizationId, role, startDate, endDate }) => ({
      organizationId,
      name: names.get(organizationId) ?? '',
      role,
      startDate,
      endDate,
    })),
  }))
}

/** @returns what covers the day, also of records that were merged into this one */
async function employmentsOf(read: Read, view: PersonView, day: string): Promise<readonly EmploymentView[]> {
  const records = view.mergedIds.length === 0 ? [view] : [view, ...(await mergedInto(read, view))]
  const found = await Promise.all(
    records.map(({ personId }) => read(employmentView).find('person', endingFrom(personId, day))),
  )
  return found.flat().filter((employment) => covers(employment, day))
}

/** @returns the other records of the same human: those merged into this one, those merged into these, and so on */
async function mergedInto(read: Read, { personId, mergedIds }: PersonView): Promise<readonly PersonView[]> {
  const records: PersonView[] = []
  const known = new Set<string>([personId])
  for (let ids: readonly string[] = mergedIds; ids.length > 0; ) {
    for (const id of ids) known.add(id)
    const found = await read(personView).getMany(ids)
    records.push(...found)
    // Two persons can have been merged into each other, because each is decided on by itself.
    ids = found.flatMap((view) => view.mergedIds).filter((id) => !known.has(id))
  }
  return records
}

/** @returns by each of the ids, the record that it was merged into in the end; nothing for ids that are not known */
export async function survivorsOf(read: Read, ids: Iterable<string>): Promise<ReadonlyMap<string, PersonView>> {
  const distinct = [...new Set(ids)]
  const known = new Map<string, PersonView>()
  for (let missing: readonly string[] = distinct; missing.length > 0; ) {
    const found = await read(personView).getMany(missing)
    for (const view of found) known.set(view.personId, view)
    missing = found.flatMap((view) => view.mergedInto ?? []).filter((id) => !known.has(id))
  }
  const survivors = new Map<string, PersonView>()
  for (const id of distinct) {
    const survivor = follow(known, id)
    if (survivor !== undefined) survivors.set(id, survivor)
  }
  return survivors
}

/** @returns the names of organizations by id */
export async function organizationNames(read: Read, ids: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const found: readonly OrganizationView[] = await read(organizationView).getMany([...new Set(ids)])
  return new Map(found.map((view) => [view.organizationId, view.name]))
}

function follow(known: ReadonlyMap<string, PersonView>, id: string): PersonView | undefined {
  const passed = new Set<string>()
  let view = known.get(id)
  while (view?.mergedInto !== undefined && !passed.has(view.personId)) {
    passed.add(view.personId)
    view = known.get(view.mergedInto) ?? view
  }
  return view
}
