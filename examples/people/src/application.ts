/** Puts the People service together. */

import { Application, type ApplicationOptions } from '@cim/core'
import { aggregates, projections } from './definitions.ts'
import type { EmploymentState } from './employment.ts'
import { defineHiringProcess } from './hiring-process.ts'
import { classifyHRFailure, defineHRNotifier, type HRNotifierOptions } from './hr-notifier.ts'
import { findPersonsByEmail } from './queries/find-persons-by-email.ts'
import { findPersonsByName } from './queries/find-persons-by-name.ts'
import { findPersonsByOrganization } from './queries/find-persons-by-organization.ts'
import { getHiring } from './queries/get-hiring.ts'
import { getOrganization } from './queries/get-organization.ts'
import { getPersonById } from './queries/get-person-by-id.ts'
import { listEmployment } from './queries/list-employment.ts'

/** How HR is told of hirings. */
export interface HROptions extends HRNotifierOptions {
  /** Until that is escalated; 3 when left out. */
  readonly daysToNotify?: number
}

/** What may be chosen: stores, clock, tuning, and where HR is. The definitions are the service's own. */
export interface PeopleApplicationOptions
  extends Omit<ApplicationOptions, 'aggregates' | 'projections' | 'queries' | 'reactions' | 'sagas'> {
  readonly hr?: HROptions
}

/**
 * @param options the stores to run on, in memory or on disk; the caller closes them after the application has stopped
 * @returns the application, to be started
 */
export function createPeopleApplication({ hr = {}, ...options }: PeopleApplicationOptions): Application {
  const { daysToNotify, ...notifier } = hr
  const hrNotifier = defineHRNotifier(notifier, {
    dispatch: (command) => application.dispatch(command),
    employment: async (id) => (await application.stateAt('Employment', id)).state as EmploymentState,
  })
  const application: Application = new Application({
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
      getHiring,
    ],
    reactions: [hrNotifier],
    sagas: [defineHiringProcess(daysToNotify)],
    processors: { ...options.processors, failures: { classify: classifyHRFailure, ...options.processors?.failures } },
  })
  return application
}
