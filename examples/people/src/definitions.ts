/** What the People service is defined by: for the application, and for the check before a deployment. */

import type { AggregateDefinition, ProjectionDefinition, SagaDefinition } from '@cim/core'
import { employment } from './employment.ts'
import { defineHiringProcess } from './hiring-process.ts'
import { organization } from './organization.ts'
import { person } from './person.ts'
import { employmentView } from './views/employment-view.ts'
import { hiringView } from './views/hiring-view.ts'
import { organizationView } from './views/organization-view.ts'
import { personView } from './views/person-view.ts'

export const aggregates: readonly AggregateDefinition[] = [person, organization, employment]

export const projections: readonly ProjectionDefinition[] = [personView, organizationView, employmentView, hiringView]

export const sagas: readonly SagaDefinition[] = [defineHiringProcess()]
