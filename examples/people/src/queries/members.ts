/** Who is employed by an organization on a day. */

import type { Read } from '@cim/core'
import { searchText } from '../name-keys.ts'
import { covers, type EmploymentView, employmentView, endingFrom } from '../views/employment-view.ts'
import type { PersonView } from '../views/person-view.ts'
import { findRows, type Place } from './page.ts'
import { survivorsOf } from './persons.ts'

/** A person with all current employments in one organization. */
export interface Member {
  /** The id of the person; when records were merged, the one that is left. */
  readonly personId: PersonView['personId']
  /** Undefined when employments are known of the person but nothing else. */
  readonly person: PersonView | undefined
  readonly employments: readonly EmploymentView[]
}

/**
 * Reads the employments of that day and later ones, however many there were before. Takes time in proportion to the
 * number of members: some 10,000 a second on a small machine.
 * @param read opens views
 * @param organizationId whose members
 * @param day when
 * @returns each person once, in the order of their names
 */
export async function membersOf(read: Read, organizationId: string, day: string): Promise<readonly Member[]> {
  const current: EmploymentView[] = []
  for await (const { view } of findRows(read(employmentView), 'organization', endingFrom(organizationId, day))) {
    if (covers(view, day)) current.push(view)
  }
  const persons = await survivorsOf(
    read,
    current.map(({ personId }) => personId),
  )
  const members = Map.groupBy(current, ({ personId }) => persons.get(personId)?.personId ?? personId)
  return [...members]
    .map(([personId, employments]) => ({ personId, person: persons.get(personId), employments }))
    .map((member) => ({ member, place: placeOfMember(member) }))
    .sort((one, other) => comparePlaces(one.place, other.place))
    .map(({ member }) => member)
}

/** @returns where a member stands in the order of names */
export function placeOfMember({ personId, person }: Member): Place {
  return { value: searchText(person?.name ?? ''), id: personId }
}

/** @returns negative, zero or positive */
export function comparePlaces(one: Place, other: Place): number {
  if (one.value !== other.value) return one.value < other.value ? -1 : 1
  return one.id < other.id ? -1 : Number(one.id !== other.id)
}
