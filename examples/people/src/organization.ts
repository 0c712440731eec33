/** A body that employs people: a company, a chamber of parliament, a committee. */

import { defineAggregate, event, type Rejection, reject } from '@cim/core'
import { z } from 'zod'
import { line, organizationId, reason } from './schemas.ts'

/** Dissolved and Merged are final. */
export type OrganizationStatus = 'Pending' | 'Active' | 'Inactive' | 'Suspended' | 'Dissolved' | 'Merged'

/** What an organization's decisions depend on. */
export interface OrganizationState {
  readonly status: OrganizationStatus | 'NotCreated'
  readonly name?: string | undefined
  readonly kind?: string | undefined
  readonly childIds: readonly string[]
  /** The organization that this one became part of. */
  readonly mergedInto?: string
}

/** Which status may follow which. */
const transitions: Readonly<Record<OrganizationStatus, readonly OrganizationStatus[]>> = {
  Pending: ['Active'],
  Active: ['Inactive', 'Suspended', 'Dissolved', 'Merged'],
  Inactive: ['Active'],
  Suspended: ['Active', 'Dissolved'],
  Dissolved: [],
  Merged: [],
}

const initialState: OrganizationState = { status: 'NotCreated', childIds: [] }
const name = line(300)
/** What sort of organization it is, in the application's own words, for instance `committee`. */
const kind = line(100)
/** Dissolved and Merged are reached by commands of their own, which say more. */
const changeableStatus = z.enum(['Active', 'Inactive', 'Suspended'])

export const organization = defineAggregate('Organization', {
  events: {
    OrganizationCreated: z.object({ name, kind: kind.optional() }),
    OrganizationUpdated: z.object({ name: name.optional(), kind: kind.optional() }),
    OrganizationStatusChanged: z.object({ status: changeableStatus, reason: reason.optional() }),
    ChildOrganizationAdded: z.object({ childId: organizationId }),
    OrganizationDissolved: z.object({ reason }),
    OrganizationMergedInto: z.object({ targetId: organizationId, reason }),
  },
  commands: {
    CreateOrganization: z.strictObject({ name, kind: kind.optional() }),
    UpdateOrganization: z
      .strictObject({ name: name.optional(), kind: kind.optional() })
      .refine((data) => data.name ?? data.kind, { error: 'Must have at least one of name and kind' }),
    ChangeOrganizationStatus: z.strictObject({ status: changeableStatus, reason: reason.optional() }),
    AddChildOrganization: z.strictObject({ childId: organizationId }),
    DissolveOrganization: z.strictObject({ reason }),
    /** Addressed to the source, which ends with it; see the command MergePersons. */
    MergeOrganizations: z.strictObject({ sourceId: organizationId, targetId: organizationId, reason }),
  },
  initialState,
  decide: {
    CreateOrganization: (state, { data }) =>
      state.status === 'NotCreated'
        ? [event('OrganizationCreated', data)]
        : reject('organization-exists', 'This organization exists already.'),
    UpdateOrganization: (state, { data }) => {
      const { name = state.name, kind = state.kind } = data
      const isSame = name === state.name && kind === state.kind
      return refusalUnlessOpen(state) ?? (isSame ? [] : [event('OrganizationUpdated', data)])
    },
    ChangeOrganizationStatus: (state, { data }) =>
      refusalUnlessNext(state, data.status) ?? [event('OrganizationStatusChanged', data)],
    AddChildOrganization: (state, { data: { childId }, aggregateId }) => {
      if (childId === aggregateId) return reject('self-child', 'An organization cannot be its own child.')
      if (state.childIds.includes(childId)) return reject('duplicate-child', `${childId} is a child already.`)
      return refusalUnlessOpen(state) ?? [event('ChildOrganizationAdded', { childId })]
    },
    DissolveOrganization: (state, { data }) =>
      refusalUnlessNext(state, 'Dissolved') ?? [event('OrganizationDissolved', data)],
    MergeOrganizations: (state, { data: { sourceId, targetId, reason }, aggregateId }) => {
      if (sourceId !== aggregateId) {
        return reject('merge-source-mismatch', `Send the command to its source, ${sourceId}, not to ${aggregateId}.`)
      }
      if (sourceId === targetId) return reject('self-merge', 'An organization cannot be merged into itself.')
      return refusalUnlessNext(state, 'Merged') ?? [event('OrganizationMergedInto', { targetId, reason })]
    },
  },
  apply: {
    OrganizationCreated: (state, { data }) => ({ ...state, ...data, status: 'Pending' }),
    OrganizationUpdated: (state, { data }) => ({ ...state, ...data }),
    OrganizationStatusChanged: (state, { data }) => ({ ...state, status: data.status }),
    ChildOrganizationAdded: (state, { data }) => ({ ...state, childIds: [...state.childIds, data.childId] }),
    OrganizationDissolved: (state) => ({ ...state, status: 'Dissolved' }),
    OrganizationMergedInto: (state, { data }) => ({ ...state, status: 'Merged', mergedInto: data.targetId }),
  },
})

/** Most things can be done until the organization has come to an end. */
function refusalUnlessOpen(state: OrganizationState): Rejection | undefined {
  switch (state.status) {
    case 'NotCreated':
      return reject('organization-not-found', 'There is no such organization. Check the id, or create it first.')
    case 'Dissolved':
      return reject('organization-dissolved', 'This organization is dissolved. The record is closed.')
    case 'Merged':
      return reject(
        'organization-merged',
        `This organization was merged into ${state.mergedInto}. Send the command there.`,
      )
    default:
      return undefined
  }
}

function refusalUnlessNext(state: OrganizationState, next: OrganizationStatus): Rejection | undefined {
  const { status } = state
  if (status === 'NotCreated' || transitions[status].length === 0) return refusalUnlessOpen(state)
  if (transitions[status].includes(next)) return undefined
  const possible = transitions[status].join(' or ')
  return reject('status-transition', `This organization is ${status} and can become ${possible}, not ${next}.`)
}
