/** `/admin/processors`: how the processors are doing, and to pause, resume and audit them. */

import {
  type Application,
  nothingSeen,
  type Processing,
  type ProcessorOverview,
  type ProcessorProgress,
  type ResetOptions,
  ValidationError,
} from '@cim/core'
import type { Context } from 'hono'
import { jsonReply, type Reply } from '../../reply.ts'
import { readJsonObject, wholeNumberIn } from '../../request/json-object.ts'
import { QueryString } from '../../request/query-string.ts'
import type { Route } from '../../route.ts'
import { untilLeftOrStopping } from '../until-left-or-stopping.ts'

const noStore = { 'cache-control': 'no-store' }

/**
 * @param application whose processors are watched and steered
 * @param stopping ends audits that are under way
 */
export function processorRoutes(
  { processing, reactions }: Application,
  stopping: AbortSignal | undefined,
): readonly Route[] {
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
    {
      method: 'POST',
      path: '/admin/processors/:processor/reset',
      async handle(context) {
        const fields = { position: 'number', confirm: 'string', mayRepeatEffects: 'boolean' } as const
        const subject = 'request to reset a reaction'
        const body = await readJsonObject(context, subject, fields)
        if (wholeNumberIn(body, 'position', subject, { least: 0 }) === undefined) {
          throw new ValidationError(subject, [{ pointer: '/position', message: 'is missing' }])
        }
        const name = nameIn(context)
        await reactions.reset(name, body as unknown as ResetOptions)
        return jsonReply(200, toJson(await processing.show(name)), noStore)
      },
    },
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
      const audit = await untilLeftOrStopping(context, stopping, (signal) =>
        processing.audit(nameIn(context), { signal }),
      )
      return jsonReply(200, audit, noStore)
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
