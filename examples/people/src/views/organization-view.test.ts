import { describe, test } from 'node:test'
import { givenEvents, pastEvent } from '@cim/testing'
import { organization } from '../organization.ts'
import { type OrganizationView, organizationView } from './organization-view.ts'

const created = pastEvent(
  organization,
  'works',
  'OrganizationCreated',
  { name: 'Works', kind: 'company' },
  { timestamp: '2026-01-01T08:00:00.000Z' },
)
const reason = 'a reason'
const targetId = organization.id('holding')
const works: OrganizationView = {
  organizationId: organization.id('works'),
  name: 'Works',
  kind: 'company',
  status: 'Pending',
  parentIds: [],
  lastUpdated: '2026-01-01T08:00:00.000Z',
}

describe('the view of organizations', () => {
  test('begins as pending, and follows every change', async () => {
    await givenEvents(organizationView, [created]).thenView('works', works)
    const changes: readonly (readonly [ReturnType<typeof pastEvent>, Partial<OrganizationView>])[] = [
      [pastEvent(organization, 'works', 'OrganizationUpdated', { name: 'New' }), { name: 'New' }],
      [pastEvent(organization, 'works', 'OrganizationUpdated', { kind: 'charity' }), { kind: 'charity' }],
      [pastEvent(organization, 'works', 'OrganizationStatusChanged', { status: 'Active' }), { status: 'Active' }],
      [pastEvent(organization, 'works', 'OrganizationDissolved', { reason }), { status: 'Dissolved' }],
      [
        pastEvent(organization, 'works', 'OrganizationMergedInto', { targetId, reason }),
        { status: 'Merged', mergedInto: targetId },
      ],
    ]
    for (const [event, change] of changes) {
      await givenEvents(organizationView, [created, event]).thenView('works', { ...works, ...change })
    }
  })

  test('finds the children of an organization, also those that are created only afterwards', async () => {
    const added = (parent: string, childId: string) =>
      pastEvent(organization, parent, 'ChildOrganizationAdded', { childId: organization.id(childId) })
    const views = givenEvents(organizationView, [added('holding', 'works'), added('holding', 'branch'), created])
    await views.thenView('works', { ...works, parentIds: [targetId] })
    await views.thenFound('parent', 'holding', ['branch', 'works'])
    await givenEvents(organizationView, [added('a', 'works'), added('b', 'works')]).thenFound('parent', 'b', ['works'])
  })
})
