/** Short forms of the commands that tests send over and over. */

import type { Command } from '@cim/core'
import { employment } from '../employment.ts'
import { organization } from '../organization.ts'
import { person } from '../person.ts'
import type { PersonNameInput } from '../person-name.ts'

export function createPerson(id: string, legalName: PersonNameInput): Command {
  return person.command('CreatePerson', { legalName }, { aggregateId: person.id(id) })
}

export function changeEmail(id: string, newEmail: string): Command {
  return person.command('ChangeEmail', { newEmail }, { aggregateId: person.id(id) })
}

export function mergePersons(source: string, target: string): Command {
  const data = { sourceId: person.id(source), targetId: person.id(target), reason: 'the same' }
  return person.command('MergePersons', data, { aggregateId: person.id(source) })
}

export function createOrganization(id: string, name: string): Command {
  return organization.command('CreateOrganization', { name }, { aggregateId: organization.id(id) })
}

/** Gives the employment the id `<personId>-<organizationId>-<startDate>`. */
export function employ(personId: string, organizationId: string, role: string, startDate: string): Command {
  const data = { personId: person.id(personId), organizationId: organization.id(organizationId), role, startDate }
  const aggregateId = employment.id(`${personId}-${organizationId}-${startDate}`)
  return employment.command('StartEmployment', data, { aggregateId })
}

/** The employment, from its first day to the day before the end date. */
export function employUntil(
  personId: string,
  organizationId: string,
  role: string,
  startDate: string,
  endDate: string,
): readonly Command[] {
  const aggregateId = employment.id(`${personId}-${organizationId}-${startDate}`)
  const end = employment.command('EndEmployment', { endDate, reason: 'left' }, { aggregateId })
  return [employ(personId, organizationId, role, startDate), end]
}
