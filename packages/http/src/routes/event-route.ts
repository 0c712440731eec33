/** `GET /events`: a page of the event store as JSON, or the event store live as server-sent events. */

import { type DomainEventEnvelope, type EventStore, parseTimestamp, type ReadEventsOptions } from '@cim/core'
import type { Reply } from '../reply.ts'
import { QueryString } from '../request/query-string.ts'
import { invalidHeader } from '../request/request-headers.ts'
import { subjectPatternsIn } from '../request/subject-patterns.ts'
import type { Route } from '../route.ts'
import type { EventStreams } from './event-streams.ts'
import { JsonPage } from './json-page.ts'

const filters = ['subject', 'aggregateType', 'correlationId', 'after']

/** Read at a time, so that little is read in vain when large events cut a page short. */
const eventsPerRead = 20

/**
 * @param eventStore whose events are shown
 * @param streams opens the live ones
 */
export function eventRoute(eventStore: EventStore, streams: EventStreams): Route {
  return {
    method: 'GET',
    path: '/events',
    handle({ req }) {
      const given = new QueryString(req.raw.url, 'query of events')
      const isLive = req.raw.headers.get('accept')?.includes('text/event-stream') === true
      return isLive ? followEvents(eventStore, streams, req.raw, given) : readPage(eventStore, given)
    },
  }
}

async function followEvents(
  eventStore: EventStore,
  streams: EventStreams,
  request: Request,
  given: QueryString,
): Promise<Reply> {
  given.allowOnly(filters)
  const afterPosition = await startOf(eventStore, request.headers, given)
  const aggregateType = given.one('aggregateType')
  const correlationId = given.one('correlationId')
  const isWanted = (event: DomainEventEnvelope): boolean =>
    (aggregateType === undefined || aggregateType === event.aggregateType) &&
    (correlationId === undefined || correlationId === event.metadata.correlationId)
  const what = { eventStore, subjectPatterns: subjectPatternsIn(given), afterPosition, isWanted }
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
    body: request.method === 'HEAD' ? null : streams.open(what),
  }
}

async function readPage(eventStore: EventStore, given: QueryString): Promise<Reply> {
  given.allowOnly([...filters, 'from', 'before', 'limit'])
  const options: ReadEventsOptions = {
    subjectPatterns: subjectPatternsIn(given),
    ...optional('aggregateType', given.one('aggregateType')),
    ...optional('correlationId', given.one('correlationId')),
    ...optional('fromTimestamp', timestampIn(given, 'from')),
    ...optional('beforeTimestamp', timestampIn(given, 'before')),
  }
  const limit = given.wholeNumber('limit', { least: 1, most: 1000 }) ?? 100
  const events = new JsonPage(limit)
  let position = given.wholeNumber('after', { least: 0 }) ?? 0
  let isEnd = false
  while (!isEnd && !events.isFull) {
    const page = await eventStore.readEvents({
      ...options,
      afterPosition: position,
      limit: Math.min(eventsPerRead, events.room),
    })
    for (const event of page.events) {
      if (events.isFull) break
      events.add(event)
      position = event.position
    }
    if (position < (page.events.at(-1)?.position ?? 0)) break
    position = page.position
    isEnd = page.isEnd
  }
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-position': String(position),
      ...(isEnd ? undefined : { link: `</events?${given.with('after', String(position))}>; rel="next"` }),
    },
    body: `{"events":${events.toJson()},"position":${position},"isEnd":${isEnd}}`,
  }
}

/**
 * @returns the position after which a live stream starts
 * @throws {HttpRequestError | ValidationError} when it is not well-formed, or nothing is stored there yet: the client
 * would miss every event until the store came that far
 */
async function startOf(eventStore: EventStore, headers: Headers, given: QueryString): Promise<number> {
  const lastSeen = lastEventId(headers)
  const position = lastSeen ?? given.wholeNumber('after', { least: 0 }) ?? 0
  if (position === 0) return position
  const head = await eventStore.headPosition()
  if (position <= head) return position
  const problem = `must not be beyond the newest event, which has position ${head}, got ${position}. Is it from another store, or from before this one was restored? Then start again from 0`
  throw lastSeen === undefined ? given.invalid('after', problem) : invalidHeader('last-event-id', problem)
}

/** @throws {HttpRequestError} `invalid-header` */
function lastEventId(headers: Headers): number | undefined {
  const text = headers.get('last-event-id')
  // A client that has not seen any id yet may send an empty one.
  if (text === null || text === '') return undefined
  const position = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(position)) return position
  throw invalidHeader('last-event-id', 'must be the id of an event in this stream, a position')
}

function timestampIn(given: QueryString, name: string): string | undefined {
  const text = given.one(name)
  parseTimestamp(text, `/${name}`, 0)
  return text
}

function optional<TName extends string>(name: TName, value: string | undefined): { readonly [N in TName]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [N in TName]?: string }
}
