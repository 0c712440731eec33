/** `GET /events`: a page of the event store as JSON. */

import { type EventStore, parseTimestamp, type ReadEventsOptions, subjectMatcher, ValidationError } from '@cim/core'
import { QueryString } from './query-string.ts'
import { jsonReply, type Reply } from './reply.ts'
import type { Route } from './route.ts'

const parameters = ['subject', 'after', 'limit', 'aggregateType', 'correlationId', 'from', 'before']

/** @param eventStore whose events are shown */
export function eventRoute(eventStore: EventStore): Route {
  return {
    method: 'GET',
    path: '/events',
    handle: (context) => pageOf(eventStore, context.req.raw),
  }
}

async function pageOf(eventStore: EventStore, request: Request): Promise<Reply> {
  const given = new QueryString(request.url, 'page of events')
  given.allowOnly(parameters)
  const options: ReadEventsOptions = {
    subjectPatterns: subjectsOf(given),
    afterPosition: given.wholeNumber('after', { least: 0 }) ?? 0,
    limit: given.wholeNumber('limit', { least: 1, most: 1000 }) ?? 100,
    ...optional('aggregateType', given.one('aggregateType')),
    ...optional('correlationId', given.one('correlationId')),
    ...optional('fromTimestamp', timestampIn(given, 'from')),
    ...optional('beforeTimestamp', timestampIn(given, 'before')),
  }
  const page = await eventStore.readEvents(options)
  return jsonReply(200, page, { 'cache-control': 'no-store', 'x-position': String(page.position) })
}

/** @returns the subject patterns asked for; all events when none is @throws {ValidationError} with a pointer to it */
export function subjectsOf(given: QueryString): readonly string[] {
  const subjects = given.all('subject')
  if (subjects.length === 0) return ['events.>']
  try {
    subjectMatcher(subjects)
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    throw new ValidationError(
      error.subject,
      error.issues.map(({ message }) => ({ pointer: '/subject', message })),
      { cause: error },
    )
  }
  return subjects
}

function timestampIn(given: QueryString, name: string): string | undefined {
  const text = given.one(name)
  parseTimestamp(text, `/${name}`, 0)
  return text
}

function optional<TName extends string>(name: TName, value: string | undefined): { readonly [N in TName]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [N in TName]?: string }
}
