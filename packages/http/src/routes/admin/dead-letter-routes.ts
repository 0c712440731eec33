/** `GET /admin/dead-letters`: events that could not be processed, and what was given up. */

import type {
  Application,
  DeadLetterDetail,
  DeadLetterFilter,
  DeadLetterSequence,
  DiscardedDeadLetter,
  Processing,
} from '@cim/core'
import type { Context } from 'hono'
import { HttpRequestError } from '../../problems/http-errors.ts'
import { jsonReply, type Reply } from '../../reply.ts'
import { QueryString } from '../../request/query-string.ts'
import type { Route } from '../../route.ts'
import { JsonPage } from '../json-page.ts'
import { filterInQuery, filterNames } from './dead-letter-filter.ts'

const noStore = { 'cache-control': 'no-store' }
const page = { least: 1, most: 1000 }

/** In lists. The whole message and the stack are shown with the sequence. */
const longestMessage = 1000

/** Where one aggregate's sequence is. */
export const sequencePath = '/admin/dead-letters/:processor/:aggregateType/:aggregateId'

/** @param application whose dead letters are shown */
export function deadLetterRoutes({ processing }: Application): readonly Route[] {
  return [
    { method: 'GET', path: '/admin/dead-letters', handle: (context) => list(processing, context) },
    {
      method: 'GET',
      path: '/admin/dead-letters/:processor/discarded',
      handle: (context) => listDiscarded(processing, context),
    },
    { method: 'GET', path: sequencePath, handle: (context) => show(processing, context) },
  ]
}

/** Names the sequence that a request is about. */
export function namedBy({ req }: Context): {
  readonly processorName: string
  readonly aggregate: { readonly aggregateType: string; readonly aggregateId: string }
} {
  const aggregateType = req.param('aggregateType') ?? ''
  const aggregateId = req.param('aggregateId') ?? ''
  return { processorName: req.param('processor') ?? '', aggregate: { aggregateType, aggregateId } }
}

/** @returns the error for an aggregate that is not held back */
export function notHeldBack({ processorName, aggregate }: ReturnType<typeof namedBy>): HttpRequestError {
  const { aggregateType, aggregateId } = aggregate
  return new HttpRequestError(
    'not-found',
    `Processor ${processorName} holds back nothing of ${aggregateType} ${JSON.stringify(aggregateId)}.`,
    { members: { processor: processorName, aggregateType, aggregateId } },
  )
}

async function list(processing: Processing, { req }: Context): Promise<Reply> {
  const given = new QueryString(req.raw.url, 'list of dead letters')
  given.allowOnly(['processor', ...filterNames, 'after', 'limit'])
  const filter = filterInQuery(given)
  const limit = given.wholeNumber('limit', page) ?? 100
  const processorName = given.one('processor')
  // An unknown name is an error, not an empty list.
  if (processorName !== undefined) await processing.show(processorName)
  const names = processorName === undefined ? processing.processorNames.toSorted() : [processorName]
  const { sequences, next } = await collect(processing, names, filter, limit, given)
  const link = next === undefined ? undefined : `</admin/dead-letters?${given.with('after', next)}>; rel="next"`
  return jsonReply(200, { sequences, next }, { ...noStore, ...(link === undefined ? undefined : { link }) })
}

/** Goes through the processors one after the other: a page may begin in one and end in another. */
async function collect(
  processing: Processing,
  names: readonly string[],
  filter: DeadLetterFilter,
  limit: number,
  given: QueryString,
): Promise<{ readonly sequences: readonly object[]; readonly next: string | undefined }> {
  const start = startOf(names, given)
  const sequences: object[] = []
  for (let index = start.index; index < names.length; index++) {
    const name = names[index] ?? ''
    if (sequences.length >= limit) return { sequences, next: `${name}:0` }
    const after = index === start.index ? start.after : '0'
    const found = await processing.deadLetters.list(name, { filter, after, limit: limit - sequences.length })
    sequences.push(...found.sequences.map(inList))
    if (found.next !== undefined) return { sequences, next: `${name}:${found.next}` }
  }
  return { sequences, next: undefined }
}

function startOf(names: readonly string[], given: QueryString): { readonly index: number; readonly after: string } {
  const text = given.one('after')
  if (text === undefined) return { index: 0, after: '0' }
  const [, name = '', after = ''] = /^([^:]+):(\d{1,15})$/.exec(text) ?? []
  const index = names.indexOf(name)
  if (index === -1) throw given.invalid('after', 'must be what the page before gave as next')
  return { index, after }
}

/** A sequence among others: without the stack, and with only so much of the message. */
export function inList({ failure, ...sequence }: DeadLetterSequence): object {
  const { stack: _shownWithSequence, message, ...rest } = failure
  return { ...sequence, failure: { ...rest, message: message.slice(0, longestMessage).toWellFormed() } }
}

async function show(processing: Processing, context: Context): Promise<Reply> {
  const given = new QueryString(context.req.raw.url, 'page of events')
  given.allowOnly(['from', 'limit'])
  const fromSequence = given.wholeNumber('from', { least: 1 }) ?? 1
  const limit = given.wholeNumber('limit', page) ?? 20
  const named = namedBy(context)
  const detail = await processing.deadLetters.show(named.processorName, named.aggregate, { fromSequence, limit })
  if (detail === undefined) throw notHeldBack(named)
  return detailReply(detail, limit)
}

function detailReply({ sequence, events, nextSequence }: DeadLetterDetail, limit: number): Reply {
  const shown = new JsonPage(limit)
  let next = nextSequence
  for (const event of events) {
    if (shown.isFull) {
      next = event.sequence
      break
    }
    shown.add(event)
  }
  const end = next === undefined ? '' : `,"next":${next}`
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...noStore },
    body: `{"sequence":${JSON.stringify(sequence)},"events":${shown.toJson()}${end}}`,
  }
}

async function listDiscarded(processing: Processing, { req }: Context): Promise<Reply> {
  const given = new QueryString(req.raw.url, 'list of discarded dead letters')
  given.allowOnly(['limit'])
  const limit = given.wholeNumber('limit', page) ?? 100
  const discarded = await processing.deadLetters.discarded(req.param('processor') ?? '', limit)
  return jsonReply(200, { discarded: discarded.map((record: DiscardedDeadLetter) => inList(record)) }, noStore)
}
