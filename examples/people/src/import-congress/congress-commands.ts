/** Says in commands what the data about Congress tells. */

import type { Command, EntityId } from '@cim/core'
import { employment } from '../employment.ts'
import { organization } from '../organization.ts'
import { person } from '../person.ts'
import type { Committee, CongressData, Legislator, Membership } from './congress-data.ts'

/** A command that can be sent again without happening again. */
export type RepeatableCommand = Command & { readonly aggregateId: EntityId; readonly commandId: string }

/** Commands to one aggregate, to be sent one after the other. Different chains can be sent side by side. */
export type CommandChain = readonly RepeatableCommand[]

/** What the data does not say itself. */
export interface CongressOptions {
  /**
   * The first day of every committee membership. The data lists the members of one day and no periods, so it is taken at
   * its word for that day and those after it, and for none before.
   */
  readonly membershipsSince: string
}

/** The day of which the data in use speaks. */
export const defaultMembershipsSince = '2026-06-15'

const chambers = {
  house: { id: 'house', name: 'United States House of Representatives', role: 'Representative' },
  senate: { id: 'senate', name: 'United States Senate', role: 'Senator' },
} as const

/** The ids that the import gives, derived from the data's own ids, so that every import gives the same. */
export const congressIds = {
  /** @param id the Bioguide id */
  person: (id: string) => person.id(`person:${id}`),
  /** @param id a committee's or subcommittee's id, `house` or `senate` */
  organization: (id: string) => organization.id(`organization:${id}`),
  employment: (id: string) => employment.id(`employment:${id}`),
}

/**
 * @param data as it was read
 * @param options what the data does not say
 * @returns people as persons; the chambers, committees and subcommittees as organizations, each a child of the one it
 *   belongs to; terms and memberships as employments
 */
export function congressCommands(data: CongressData, { membershipsSince }: CongressOptions): readonly CommandChain[] {
  const committeesOf = (type: Committee['type']): Committee[] => data.committees.filter((one) => one.type === type)
  return [
    ...Object.entries(chambers).map(([type, { id, name }]) =>
      createOrganization(id, name, 'chamber', committeesOf(type as Committee['type'])),
    ),
    ...data.committees.flatMap(({ id, name, subcommittees }) => [
      createOrganization(id, name, 'committee', subcommittees),
      ...subcommittees.map((one) => createOrganization(one.id, one.name, 'subcommittee', [])),
    ]),
    ...data.legislators.map(createPerson),
    ...data.legislators.flatMap(serveTerms),
    ...data.memberships.flatMap((membership) => startMemberships(membership, membershipsSince)),
  ]
}

function createOrganization(
  id: string,
  name: string,
  kind: string,
  children: readonly { readonly id: string }[],
): CommandChain {
  const aggregateId = congressIds.organization(id)
  return chain(
    organization.command('CreateOrganization', { name, kind }, addressed(aggregateId, 'create')),
    organization.command('ChangeOrganizationStatus', { status: 'Active' }, addressed(aggregateId, 'activate')),
    ...children.map((child) =>
      organization.command(
        'AddChildOrganization',
        { childId: congressIds.organization(child.id) },
        addressed(aggregateId, `child:${child.id}`),
      ),
    ),
  )
}

function createPerson({ id, name: { official_full, ...parts }, bio }: Legislator): CommandChain {
  const aggregateId = congressIds.person(id)
  const data = { legalName: { ...parts, full: official_full }, dateOfBirth: bio.birthday }
  return chain(person.command('CreatePerson', data, addressed(aggregateId, 'create')))
}

function serveTerms({ id, terms }: Legislator): readonly CommandChain[] {
  return terms.map(({ type, start, end }) => {
    const chamber = type === 'sen' ? chambers.senate : chambers.house
    const aggregateId = congressIds.employment(`${id}:${type}:${start}`)
    return chain(
      employment.command(
        'StartEmployment',
        {
          personId: congressIds.person(id),
          organizationId: congressIds.organization(chamber.id),
          role: chamber.role,
          startDate: start,
        },
        addressed(aggregateId, 'start'),
      ),
      employment.command('EndEmployment', { endDate: end, reason: 'End of term' }, addressed(aggregateId, 'end')),
    )
  })
}

function startMemberships({ committee, members }: Membership, startDate: string): readonly CommandChain[] {
  return members.map((member) => {
    const aggregateId = congressIds.employment(`${committee}:${member.person}`)
    return chain(
      employment.command(
        'StartEmployment',
        {
          personId: congressIds.person(member.person),
          organizationId: congressIds.organization(committee),
          role: member.title ?? 'Member',
          startDate,
        },
        addressed(aggregateId, 'start'),
      ),
    )
  })
}

function addressed<TType extends string>(
  aggregateId: EntityId<TType>,
  step: string,
): { readonly aggregateId: EntityId<TType>; readonly commandId: string } {
  return { aggregateId, commandId: `import:${aggregateId}:${step}` }
}

/** @param commands each {@link addressed} */
function chain(...commands: readonly Command[]): CommandChain {
  return commands as CommandChain
}
