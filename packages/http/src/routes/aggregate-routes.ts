/** `GET /aggregates/{aggregateType}/{aggregateId}` and its events. */

import { type Application, type Moment, parseTimestamp } from '@cim/core'
import type { Context } from 'hono'
import { HttpRequestError } from '../problems/http-errors.ts'
import { jsonReply } from '../reply.ts'
import { QueryString } from '../request/query-string.ts'
import type { Route } from '../route.ts'
import { JsonPage } from './json-page.ts'

/** How many events are read at first, when it is not known yet how large they are. */
const firstPortion = 10

/** @param application whose aggregates are shown, at any moment of their past */
export function aggregateRoutes(application: Application): readonly Route[] {
  return [stateRoute(application), historyRoute(application)]
}

function stateRoute(application: Application): Route {
  return {
    method: 'GET',
    path: '/aggregates/:aggregateType/:aggregateId',
    async handle(context) {
      const { aggregateType, aggregateId } = namedBy(context)
      const moment = momentOf(new QueryString(context.req.raw.url, 'moment'))
      const { version, position, timestamp, state } = await application.stateAt(aggregateType, aggregateId, moment)
      if (version === 0 || version < (moment.version ?? 1)) {
        throw notFound(aggregateType, aggregateId, moment, version)
      }
      const body = { aggregateType, aggregateId, version, position, timestamp, state }
      return jsonReply(200, body, { etag: `"${version}"`, 'cache-control': 'no-store' })
    },
  }
}

function historyRoute(application: Application): Route {
  return {
    method: 'GET',
    path: '/aggregates/:aggregateType/:aggregateId/events',
    async handle(context) {
      const { aggregateType, aggregateId } = namedBy(context)
      const given = new QueryString(context.req.raw.url, 'page of events')
      given.allowOnly(['from', 'limit'])
      const from = given.wholeNumber('from', { least: 1 }) ?? 1
      const limit = given.wholeNumber('limit', { least: 1, most: 1000 }) ?? 100
      const { events, nextVersion, isEnd } = await readHistory(application, aggregateType, aggregateId, from, limit)
      const path = `/aggregates/${aggregateType}/${encodeURIComponent(aggregateId)}/events`
      const next = isEnd ? undefined : `${path}?from=${nextVersion}&limit=${limit}`
      const name = JSON.stringify({ aggregateType, aggregateId }).slice(0, -1)
      const end = JSON.stringify({ isEnd, next }).slice(1)
      return {
        status: 200,
        headers: {
          'content-type': 'application/json',
          'cache-control': 'no-store',
          ...(next === undefined ? undefined : { link: `<${next}>; rel="next"` }),
        },
        body: `${name},"events":${events.toJson()},${end}`,
      }
    },
  }
}

/** @throws {HttpRequestError} `not-found` when the aggregate does not exist */
async function readHistory(
  application: Application,
  aggregateType: string,
  aggregateId: string,
  fromVersion: number,
  limit: number,
): Promise<{ readonly events: JsonPage; readonly nextVersion: number; readonly isEnd: boolean }> {
  const hasEventsFrom = async (version: number): Promise<boolean> => {
    const options = { fromVersion: version, limit: 1 }
    return (await application.eventStore.loadEvents({ aggregateType, aggregateId }, options)).length > 0
  }
  const events = new JsonPage(limit)
  let nextVersion = fromVersion
  let isEnd = false
  // Portions grow, as each of them begins with folding all events before it.
  for (let portion = firstPortion; !isEnd && !events.isFull; portion *= 4) {
    const options = { fromVersion: nextVersion, limit: Math.min(portion, events.room) }
    for (const { event, differences } of await application.historyOf(aggregateType, aggregateId, options)) {
      if (events.isFull) break
      events.add({ ...event, differences })
      nextVersion = event.sequence + 1
    }
    // A store may hand out fewer events than asked for, so that only looking further tells where the end is.
    isEnd = !(await hasEventsFrom(nextVersion))
  }
  if (nextVersion === fromVersion && !(await hasEventsFrom(1))) throw notFound(aggregateType, aggregateId, {}, 0)
  return { events, nextVersion, isEnd }
}

function namedBy({ req }: Context): { readonly aggregateType: string; readonly aggregateId: string } {
  return { aggregateType: req.param('aggregateType') ?? '', aggregateId: req.param('aggregateId') ?? '' }
}

function momentOf(given: QueryString): Moment {
  given.allowOnly(['version', 'position', 'at'])
  const version = given.wholeNumber('version', { least: 0 })
  const position = given.wholeNumber('position', { least: 0 })
  const timestamp = given.one('at')
  parseTimestamp(timestamp, '/at', 0)
  const moments = [
    version === undefined ? undefined : { version },
    position === undefined ? undefined : { position },
    timestamp === undefined ? undefined : { timestamp },
  ].filter((moment) => moment !== undefined)
  if (moments.length > 1) throw given.invalid('', 'must have one of version, position and at')
  return moments[0] ?? {}
}

function notFound(aggregateType: string, aggregateId: string, moment: Moment, version: number): HttpRequestError {
  const [when] = Object.entries(moment)
  const name = `${aggregateType} ${JSON.stringify(aggregateId)}`
  return new HttpRequestError(
    'not-found',
    when === undefined || (version === 0 && when[0] === 'version' && when[1] !== 0)
      ? `${name} does not exist.`
      : version === 0
        ? `${name} does not exist at ${when[0]} ${when[1]}.`
        : `${name} has no version ${when[1]} yet; its newest is ${version}.`,
    { members: { aggregateType, aggregateId } },
  )
}
