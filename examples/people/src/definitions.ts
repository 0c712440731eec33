/** What the People service is defined by: for the application, and for the check before a deployment. */

import type { AggregateDefinition, ProjectionDefinition } from '@cim/core'
import { employment } from './employment.ts'
import { organization } from './organization.ts'
import { person } from './person.ts'
import { employmentView } from './views/employment-view.ts'
import { organizationView } from './views/organization-view.ts'
import { personView } from './views/person-view.ts'

export const aggregates: readonly AggregateDefinition[] = [person, organization, employment]

export const projections: readonly ProjectionDefinition[] = [personView, organizationView, employmentView]
