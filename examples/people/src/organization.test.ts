import { describe, test } from 'node:test'
import { event } from '@cim/core'
import { given } from '@cim/testing'
import { organization } from './organization.ts'

const reason = 'a reason'
const sourceId = organization.id('works')
const targetId = organization.id('holding')
const merge = { sourceId, targetId, reason }

const created = event('OrganizationCreated', { name: 'Works', kind: 'company' })
const activated = event('OrganizationStatusChanged', { status: 'Active' })
const inactivated = event('OrganizationStatusChanged', { status: 'Inactive', reason })
const suspended = event('OrganizationStatusChanged', { status: 'Suspended', reason })
const dissolved = event('OrganizationDissolved', { reason })
const merged = event('OrganizationMergedInto', { targetId, reason })

const id = { aggregateId: 'works' }
const organizations = {
  Pending: given(organization, [created], id),
  Active: given(organization, [created, activated], id),
  Inactive: given(organization, [created, activated, inactivated], id),
  Suspended: given(organization, [created, activated, suspended], id),
  Dissolved: given(organization, [created, activated, dissolved], id),
  Merged: given(organization, [created, activated, merged], id),
}

/** Which status may follow which. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  Pending: ['Active'],
  Active: ['Inactive', 'Suspended', 'Dissolved', 'Merged'],
  Inactive: ['Active'],
  Suspended: ['Active', 'Dissolved'],
  Dissolved: [],
  Merged: [],
}
const refusals: Readonly<Record<string, string>> = {
  Dissolved: 'organization-dissolved',
  Merged: 'organization-merged',
}

describe('creating an organization', () => {
  test('it begins as pending, once', () => {
    const data = { name: 'Works', kind: 'company' }
    given(organization).when('CreateOrganization', data).thenEvents([created]).thenState({ status: 'Pending' })
    organizations.Pending.when('CreateOrganization', data).thenRejected('organization-exists')
    organizations.Merged.when('CreateOrganization', data).thenRejected('organization-exists')
  })

  test('nothing else can be done with one that was not created', () => {
    const nothing = given(organization, [], id)
    nothing.when('UpdateOrganization', { name: 'New' }).thenRejected('organization-not-found')
    nothing.when('ChangeOrganizationStatus', { status: 'Active' }).thenRejected('organization-not-found')
    nothing.when('AddChildOrganization', { childId: targetId }).thenRejected('organization-not-found')
    nothing.when('DissolveOrganization', { reason }).thenRejected('organization-not-found')
    nothing.when('MergeOrganizations', merge).thenRejected('organization-not-found')
  })
})

describe('the status of an organization', () => {
  for (const [from, scenario] of Object.entries(organizations)) {
    for (const status of ['Active', 'Inactive', 'Suspended', 'Dissolved', 'Merged'] as const) {
      const isAllowed = allowed[from]?.includes(status) === true
      test(`${isAllowed ? 'can' : 'cannot'} go from ${from} to ${status}`, () => {
        const then =
          status === 'Dissolved'
            ? scenario.when('DissolveOrganization', { reason })
            : status === 'Merged'
              ? scenario.when('MergeOrganizations', merge)
              : scenario.when('ChangeOrganizationStatus', { status, reason })
        if (isAllowed) then.thenState({ status })
        else then.thenRejected(refusals[from] ?? 'status-transition')
      })
    }
  }

  test('an organization does not merge into itself, and only the source decides', () => {
    organizations.Active.when('MergeOrganizations', { ...merge, targetId: sourceId }).thenRejected('self-merge')
    given(organization, [created, activated], { aggregateId: 'holding' })
      .when('MergeOrganizations', merge)
      .thenRejected('merge-source-mismatch')
    organizations.Active.when('MergeOrganizations', merge).thenEvents([merged]).thenState({ mergedInto: 'holding' })
  })
})

describe('what is known of an organization', () => {
  test('is updated until it has come to an end', () => {
    for (const [status, scenario] of Object.entries(organizations)) {
      const then = scenario.when('UpdateOrganization', { name: 'New' })
      const refusal = refusals[status]
      if (refusal === undefined) then.thenEvents([event('OrganizationUpdated', { name: 'New' })])
      else then.thenRejected(refusal)
    }
    organizations.Active.when('UpdateOrganization', { kind: 'charity' }).thenState({ name: 'Works', kind: 'charity' })
  })

  test('is not updated to what it is', () => {
    organizations.Active.when('UpdateOrganization', { name: 'Works' }).thenNothing()
    organizations.Active.when('UpdateOrganization', { name: 'Works', kind: 'company' }).thenNothing()
  })
})

describe('children of an organization', () => {
  const childId = organization.id('branch')
  const added = event('ChildOrganizationAdded', { childId })

  test('are added until it has come to an end', () => {
    organizations.Pending.when('AddChildOrganization', { childId }).thenEvents([added])
    organizations.Suspended.when('AddChildOrganization', { childId }).thenState({ childIds: ['branch'] })
    organizations.Dissolved.when('AddChildOrganization', { childId }).thenRejected('organization-dissolved')
  })

  test('are others, and each only once', () => {
    organizations.Active.when('AddChildOrganization', { childId: sourceId }).thenRejected('self-child')
    given(organization, [created, added]).when('AddChildOrganization', { childId }).thenRejected('duplicate-child')
  })
})
