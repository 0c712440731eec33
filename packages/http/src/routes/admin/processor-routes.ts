/** `/admin/processors`: how the processors are doing, and to pause, resume and audit them. */

import {
  type Application,
  nothingSeen,
  type Processing,
  type ProcessorOverview,
  type ProcessorProgress,
} from '@cim/core'
import type { Context } from 'hono'
import { clientGone, HttpRequestError } from '../../problems/http-errors.ts'
import { jsonReply, type Reply } from '../../reply.ts'
import { readJsonObject } from '../../request/json-object.ts'
import { QueryString } from '../../request/query-string.ts'
import type { Route } from '../../route.ts'

const noStore = { 'cache-control': 'no-store' }

/**
 * @param application whose processors are watched and steered
 * @param stopping ends audits that are under way
 */
export function processorRoutes({ processing }: Application, stopping: AbortSignal | undefined): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/admin/processors',
      async handle({ req }) {
        new QueryString(req.raw.url, 'list of processors').allowOnly([])
        return jsonReply(200, { processors: (await processing.list()).map(toJson) }, noStore)
      },
    },
    {
      method: 'GET',
      path: '/admin/processors/:processor',
      async handle(context) {
        new QueryString(context.req.raw.url, 'processor').allowOnly([])
        return jsonReply(200, toJson(await processing.show(nameIn(context))), noStore)
      },
    },
    steeringRoute('pause', (processorName) => processing.pause(processorName)),
    steeringRoute('resume', (processorName) => processing.resume(processorName)),
    auditRoute(processing, stopping),
  ]
}

function steeringRoute(verb: string, steer: (processorName: string) => Promise<ProcessorOverview>): Route {
  return {
    method: 'POST',
    path: `/admin/processors/:processor/${verb}`,
    async handle(context) {
      await readJsonObject(context, `request to ${verb} a processor`, {})
      return jsonReply(200, toJson(await steer(nameIn(context))), noStore)
    },
  }
}

function auditRoute(processing: Processing, stopping: AbortSignal | undefined): Route {
  return {
    method: 'POST',
    path: '/admin/processors/:processor/audit',
    async handle(context): Promise<Reply> {
      await readJsonObject(context, 'request to audit a processor', {})
      const left = context.req.raw.signal
      const signal = stopping === undefined ? left : AbortSignal.any([left, stopping])
      try {
        return jsonReply(200, await processing.audit(nameIn(context), { signal }), noStore)
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) throw error
        if (left.aborted) throw clientGone(error)
        throw new HttpRequestError('stopping', 'The service is stopping. Ask for the audit again soon.')
      }
    },
  }
}

function nameIn({ req }: Context): string {
  return req.param('processor') ?? ''
}

/** Of a processor that nobody has ever run. */
const never: Partial<ProcessorProgress> = {}

function toJson({ status, progress, deadLetters }: ProcessorOverview): object {
  const { isPaused = false, epoch = 0, replayUntil = 0, seen = nothingSeen, seenAfter = 0, owner } = progress ?? never
  const { heldSequences: _counted, ...doing } = status
  return { ...doing, isPaused, owner, epoch, replayUntil, seen, seenAfter, deadLetters }
}
