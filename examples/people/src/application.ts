/** Puts the People service together. */

import { Application, type ApplicationOptions } from '@cim/core'
import { aggregates, projections } from './definitions.ts'
import { findPersonsByEmail } from './queries/find-persons-by-email.ts'
import { findPersonsByName } from './queries/find-persons-by-name.ts'
import { findPersonsByOrganization } from './queries/find-persons-by-organization.ts'
import { getOrganization } from './queries/get-organization.ts'
import { getPersonById } from './queries/get-person-by-id.ts'
import { listEmployment } from './queries/list-employment.ts'

/** What may be chosen: stores, clock, tuning. The definitions are the service's own. */
export type PeopleApplicationOptions = Omit<ApplicationOptions, 'aggregates' | 'projections' | 'queries'>

/**
 * @param options the stores to run on, in memory or on disk; the caller closes them after the application has stopped
 * @returns the application, to be started
 */
export function createPeopleApplication(options: PeopleApplicationOptions): Application {
  return new Application({
    ...options,
    aggregates,
    projections,
    queries: [
      getPersonById,
      findPersonsByEmail,
      findPersonsByOrganization,
      findPersonsByName,
      getOrganization,
      listEmployment,
    ],
  })
}
