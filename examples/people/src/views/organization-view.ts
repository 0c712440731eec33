/**
 * What is known of each organization itself. Members and children are not kept here: an organization can have many, and a
 * document that is written anew with every one of them would cost their square. Queries find them through indexes.
 */

import { defineProjection } from '@cim/core'
import { z } from 'zod'
import { organization } from '../organization.ts'
import { organizationId } from '../schemas.ts'
import { viewChanger } from './view-changer.ts'

export const organizationViewSchema = z.object({
  organizationId,
  /** Empty while it is known as a child alone and was not created yet. */
  name: z.string(),
  kind: z.string().optional(),
  status: z.enum(['NotCreated', 'Pending', 'Active', 'Inactive', 'Suspended', 'Dissolved', 'Merged']),
  /** The organization that this one became part of. */
  mergedInto: organizationId.optional(),
  /** The organizations that have this one as a child. */
  parentIds: z.array(organizationId),
  lastUpdated: z.string(),
})

/** See {@link organizationView}. */
export type OrganizationView = z.infer<typeof organizationViewSchema>

const change = viewChanger<OrganizationView>((id) => ({
  organizationId: organization.id(id),
  name: '',
  status: 'NotCreated',
  parentIds: [],
  lastUpdated: '',
}))

export const organizationView = defineProjection('OrganizationView', {
  from: [organization],
  schema: organizationViewSchema,
  indexes: { parent: ({ parentIds }) => parentIds },
  on: {
    OrganizationCreated: (event, views) =>
      change(views, event.aggregateId, event, { ...event.data, status: 'Pending' }),
    OrganizationUpdated: (event, views) => {
      const { name, kind } = event.data
      change(views, event.aggregateId, event, (view) => ({ name: name ?? view.name, kind: kind ?? view.kind }))
    },
    OrganizationStatusChanged: (event, views) => change(views, event.aggregateId, event, { status: event.data.status }),
    ChildOrganizationAdded: (event, views) => {
      const { aggregateId, data } = event
      change(views, data.childId, event, ({ parentIds }) => ({ parentIds: [...parentIds, aggregateId] }))
    },
    OrganizationDissolved: (event, views) => change(views, event.aggregateId, event, { status: 'Dissolved' }),
    OrganizationMergedInto: (event, views) =>
      change(views, event.aggregateId, event, { status: 'Merged', mergedInto: event.data.targetId }),
  },
})
