/** `POST /admin/dead-letters/…/retry` and `…/discard`: of one sequence, or of all that a filter finds. */

import {
  type Application,
  type DeadLetterFilter,
  type DeadLetterOutcome,
  type DiscardRequest,
  type Processing,
  ValidationError,
} from '@cim/core'
import type { Context } from 'hono'
import type { Principal } from '../../principal.ts'
import { jsonReply, type Reply } from '../../reply.ts'
import { type FieldType, type JsonObject, readJsonObject } from '../../request/json-object.ts'
import type { Route } from '../../route.ts'
import { filterInBody } from './dead-letter-filter.ts'
import { inList, namedBy, notHeldBack, sequencePath } from './dead-letter-routes.ts'

const retryFields = { dryRun: 'boolean' } as const
const discardFields = { reason: 'string', firstOnly: 'boolean', dryRun: 'boolean' } as const
const filterField = { filter: 'object' } as const
const retrySubject = 'request to retry dead letters'
const discardSubject = 'request to discard dead letters'

/** @param application whose dead letters are retried and discarded */
export function deadLetterActions({ processing }: Application): readonly Route[] {
  const { deadLetters } = processing
  const retry = (processorName: string, filter: DeadLetterFilter, body: JsonObject) =>
    deadLetters.retry(processorName, filter, { isDryRun: body.dryRun === true })
  const discard = (processorName: string, filter: DeadLetterFilter, body: JsonObject, principal?: Principal) =>
    deadLetters.discard(processorName, filter, discardRequestOf(body, principal))
  return [
    {
      method: 'POST',
      path: `${sequencePath}/retry`,
      handle: (context) =>
        ofSequence(processing, context, retrySubject, retryFields, (name, filter, body) => retry(name, filter, body)),
    },
    {
      method: 'POST',
      path: `${sequencePath}/discard`,
      handle: (context, principal) =>
        ofSequence(processing, context, discardSubject, discardFields, (name, filter, body) =>
          discard(name, filter, body, principal),
        ),
    },
    {
      method: 'POST',
      path: '/admin/dead-letters/:processor/retry',
      async handle(context) {
        const body = await readJsonObject(context, retrySubject, { ...retryFields, ...filterField })
        const filter = body.filter === undefined ? {} : filterInBody(body.filter, retrySubject)
        return toReply(await retry(context.req.param('processor') ?? '', filter, body))
      },
    },
    {
      method: 'POST',
      path: '/admin/dead-letters/:processor/discard',
      async handle(context, principal) {
        const body = await readJsonObject(context, discardSubject, { ...discardFields, ...filterField })
        // Nobody shall give up everything by forgetting to say what.
        if (body.filter === undefined) {
          const message = 'is missing. {} means all dead letters of the processor'
          throw new ValidationError(discardSubject, [{ pointer: '/filter', message }])
        }
        const filter = filterInBody(body.filter, discardSubject)
        return toReply(await discard(context.req.param('processor') ?? '', filter, body, principal))
      },
    },
  ]
}

async function ofSequence(
  processing: Processing,
  context: Context,
  subject: string,
  fields: Readonly<Record<string, FieldType>>,
  act: (processorName: string, filter: DeadLetterFilter, body: JsonObject) => Promise<DeadLetterOutcome>,
): Promise<Reply> {
  const body = await readJsonObject(context, subject, fields)
  const named = namedBy(context)
  const { processorName, aggregate } = named
  // A sequence that is not there is a mistake; a filter that finds none is not.
  if ((await processing.deadLetters.find(processorName, aggregate)) === undefined) throw notHeldBack(named)
  const outcome = await act(processorName, aggregate, body)
  if (outcome.sequenceCount === 0) throw notHeldBack(named)
  return toReply(outcome)
}

function discardRequestOf({ reason, firstOnly, dryRun }: JsonObject, principal: Principal | undefined): DiscardRequest {
  const discardedBy = principal?.userId
  return {
    // What is not there is refused with the rule that a reason must fulfil.
    reason: reason as string,
    isFirstOnly: firstOnly === true,
    isDryRun: dryRun === true,
    ...(discardedBy === undefined ? undefined : { discardedBy }),
  }
}

function toReply({ isDryRun, sequenceCount, eventCount, sequences }: DeadLetterOutcome): Reply {
  const body = { dryRun: isDryRun, sequenceCount, eventCount, sequences: sequences?.map(inList) }
  return jsonReply(200, body, { 'cache-control': 'no-store' })
}
