/** `GET /events`: a page of the event store as JSON, or the event store live as server-sent events. */

import { type DomainEventEnvelope, type EventStore, parseTimestamp, type ReadEventsOptions } from '@cim/core'
import type { Reply } from '../reply.ts'
import { startPosition } from '../request/last-event-id.ts'
import { QueryString } from '../request/query-string.ts'
import { subjectPatternsIn } from '../request/subject-patterns.ts'
import type { Route } from '../route.ts'
import { EventStream } from './event-stream.ts'
import { JsonPage } from './json-page.ts'
import { sseHeaders, wantsStream } from './sse-stream.ts'
import type { SseStreams } from './sse-streams.ts'

const filters = ['subject', 'aggregateType', 'correlationId', 'after']

/** Read at a time, so that little is read in vain when large events cut a page short. */
const eventsPerRead = 20

/**
 * @param eventStore whose events are shown
 * @param streams opens the live ones
 */
export function eventRoute(eventStore: EventStore, streams: SseStreams): Route {
  return {
    method: 'GET',
    path: '/events',
    handle({ req }) {
      const given = new QueryString(req.raw.url, 'query of events')
      return wantsStream(req.raw) ? followEvents(eventStore, streams, req.raw, given) : readPage(eventStore, given)
    },
  }
}

async function followEvents(
  eventStore: EventStore,
  streams: SseStreams,
  request: Request,
  given: QueryString,
): Promise<Reply> {
  given.allowOnly(filters)
  const afterPosition = await startPosition(eventStore, request.headers, given)
  const aggregateType = given.one('aggregateType')
  const correlationId = given.one('correlationId')
  const isWanted = (event: DomainEventEnvelope): boolean =>
    (aggregateType === undefined || aggregateType === event.aggregateType) &&
    (correlationId === undefined || correlationId === event.metadata.correlationId)
  const subjectPatterns = subjectPatternsIn(given)
  if (request.method === 'HEAD') return { status: 200, headers: sseHeaders, body: null }
  streams.assertRoom()
  const source = new EventStream({ eventStore, subjectPatterns, afterPosition, isWanted })
  return { status: 200, headers: sseHeaders, body: streams.open('/events', source) }
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

function timestampIn(given: QueryString, name: string): string | undefined {
  const text = given.one(name)
  parseTimestamp(text, `/${name}`, 0)
  return text
}

function optional<TName extends string>(name: TName, value: string | undefined): { readonly [N in TName]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [N in TName]?: string }
}
