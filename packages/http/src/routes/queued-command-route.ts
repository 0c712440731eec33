/** `GET /commands/{commandId}`: what has become of a queued command. */

import type { Application, CommandAcknowledgment } from '@cim/core'
import { jsonReply, type Reply } from '../reply.ts'
import { preferencesOf } from '../request/preferences.ts'
import { QueryString } from '../request/query-string.ts'
import type { Route } from '../route.ts'
import { maxWaitMs } from './query-route.ts'
import { untilLeftOrStopping } from './until-left-or-stopping.ts'

/**
 * @param application whose queue is asked
 * @param stopping aborts when the service is to stop
 */
export function queuedCommandRoute(application: Application, stopping: AbortSignal | undefined): Route {
  return {
    method: 'GET',
    path: '/commands/:commandId',
    async handle(context) {
      const commandId = context.req.param('commandId') ?? ''
      const { headers, url } = context.req.raw
      const given = new QueryString(url, 'acknowledgment')
      given.allowOnly(['wait'])
      const preferredMs = preferencesOf(headers, maxWaitMs).waitMs
      const waitMs = given.wholeNumber('wait', { least: 0, most: maxWaitMs }) ?? preferredMs ?? 0
      const acknowledgment = await untilLeftOrStopping(context, stopping, (signal) =>
        application.acknowledgmentOf(commandId, { waitMs, signal }),
      )
      return toReply(acknowledgment, preferredMs === waitMs ? { 'preference-applied': waitOf(waitMs) } : {})
    },
  }
}

/** The outcome is what was asked for, whatever it is: a rejection is not the failure of this request. */
function toReply(acknowledgment: CommandAcknowledgment, applied: Readonly<Record<string, string>>): Reply {
  const headers = { 'cache-control': 'no-store', ...applied }
  if (acknowledgment.status === 'Pending') return jsonReply(202, acknowledgment, headers)
  return jsonReply(200, acknowledgment, { ...headers, 'x-position': String(acknowledgment.position) })
}

/** @returns the path under which a queued command is asked for */
export function pathOfCommand(commandId: string): string {
  return `/commands/${encodeURIComponent(commandId)}`
}

/** @returns a preference for a wait, as it is told to have been applied */
export function waitOf(waitMs: number): string {
  return `wait=${waitMs / 1000}`
}
