/** `GET /aggregates/{aggregateType}/{aggregateId}` and its events. */

import { type Application, type Moment, parseTimestamp } from '@cim/core'
import type { Context } from 'hono'
import { HttpRequestError } from '../problems/http-errors.ts'
import { jsonReply } from '../reply.ts'
import { QueryString } from '../request/query-string.ts'
import type { Route } from '../route.ts'

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
      const fromVersion = given.wholeNumber('from', { least: 1 }) ?? 1
      const limit = given.wholeNumber('limit', { least: 1, most: 1000 }) ?? 100
      // One more than asked for tells whether there is a next page.
      const entries = await application.historyOf(aggregateType, aggregateId, { fromVersion, limit: limit + 1 })
      if (entries.length === 0) {
        const { version } = await application.stateAt(aggregateType, aggregateId)
        if (version === 0) throw notFound(aggregateType, aggregateId, {}, version)
      }
      const isEnd = entries.length <= limit
      const path = `/aggregates/${aggregateType}/${encodeURIComponent(aggregateId)}/events`
      const next = `${path}?from=${fromVersion + limit}&limit=${limit}`
      const events = entries.slice(0, limit).map(({ event, differences }) => ({ ...event, differences }))
      return jsonReply(
        200,
        { aggregateType, aggregateId, events, isEnd, ...(isEnd ? undefined : { next }) },
        { 'cache-control': 'no-store', ...(isEnd ? undefined : { link: `<${next}>; rel="next"` }) },
      )
    },
  }
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
