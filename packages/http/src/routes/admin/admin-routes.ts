/** Everything under `/admin`: for those who run the service. The gate lets nobody else in, see `Gate.admit`. */

import type { Application } from '@cim/core'
import type { Route } from '../../route.ts'
import { deadLetterActions } from './dead-letter-actions.ts'
import { deadLetterRoutes } from './dead-letter-routes.ts'
import { processorRoutes } from './processor-routes.ts'
import { sagaActions } from './saga-actions.ts'
import { sagaRoutes } from './saga-routes.ts'
import { viewRoutes } from './view-routes.ts'

/** @param application that is watched and steered @param stopping aborts when the service is to stop */
export function adminRoutes(application: Application, stopping: AbortSignal | undefined): readonly Route[] {
  return [
    ...processorRoutes(application, stopping),
    ...viewRoutes(application, stopping),
    ...deadLetterRoutes(application),
    ...deadLetterActions(application),
    ...sagaRoutes(application),
    ...sagaActions(application),
  ]
}
