/** `GET /queries/{queryType}`: a result as JSON, or live as server-sent events. */

import {
  type Application,
  InvalidDefinitionError,
  jsonSchemaOf,
  type Query,
  type QueryDefinition,
  UnknownNameError,
} from '@cim/core'
import type { Context } from 'hono'
import type { Metrics } from '../metrics/metrics.ts'
import { HttpRequestError } from '../problems/http-errors.ts'
import { codeOf } from '../problems/problem.ts'
import { jsonReply, type Reply } from '../reply.ts'
import { startPosition } from '../request/last-event-id.ts'
import { pastMomentIn, pointingToAsOf } from '../request/past-moment.ts'
import { QueryString } from '../request/query-string.ts'
import type { Route } from '../route.ts'
import { QueryStream } from './query-stream.ts'
import { sseHeaders, wantsStream } from './sse-stream.ts'
import type { SseStreams } from './sse-streams.ts'
import { untilLeftOrStopping } from './until-left-or-stopping.ts'

/** Parameters of every query, which no query's own may be called. */
export const reservedParameters: readonly string[] = ['after', 'wait', 'asOf']

/** The longest wait for a position, in milliseconds. */
export const maxWaitMs = 30_000

/**
 * @param application whose queries are answered
 * @param metrics counts the queries
 * @param streams opens the live ones
 * @param stopping ends what waits for a position, or for a replay of the past
 * @throws {InvalidDefinitionError} when a query's own parameter has a reserved name
 */
export function queryRoute(
  application: Application,
  metrics: Metrics,
  streams: SseStreams,
  stopping: AbortSignal | undefined,
): Route {
  application.queries.forEach(checkParameters)
  const known = new Set(application.queries.map(({ queryType }) => queryType))
  return {
    method: 'GET',
    path: '/queries/:queryType',
    async handle(context) {
      const { req } = context
      const queryType = req.param('queryType') ?? ''
      if (!known.has(queryType)) throw new UnknownNameError('unknown-query', queryType, known)
      const start = performance.now()
      let status = 'ok'
      try {
        if (wantsStream(req.raw)) return await followResult(application, streams, queryType, context, stopping)
        const result = await resultOf(application, queryType, context, stopping)
        if (result === undefined) throw new HttpRequestError('not-found', `${queryType} found nothing.`)
        return jsonReply(200, result, { 'cache-control': 'no-store' })
      } catch (error) {
        status = codeOf(error)
        throw error
      } finally {
        metrics.queries.increment(queryType, status)
        metrics.queryDuration.observe(queryType, performance.now() - start)
      }
    },
  }
}

async function resultOf(
  application: Application,
  queryType: string,
  context: Context,
  stopping: AbortSignal | undefined,
): Promise<unknown> {
  const given = new QueryString(context.req.raw.url, `query ${queryType}`)
  const afterPosition = given.wholeNumber('after', { least: 0 })
  const asOf = pastMomentIn(given)
  const query = toQuery(queryType, given, afterPosition)
  // Nothing to wait for: a signal would only cost.
  if (afterPosition === undefined && asOf === undefined) return application.answer(query)
  return untilLeftOrStopping(context, stopping, async (signal) => {
    try {
      return await application.answer(asOf === undefined ? query : { ...query, asOf }, { signal })
    } catch (error) {
      throw pointingToAsOf(error)
    }
  })
}

/** What is wrong with the query, or not there in time, is answered as a problem, before the stream begins. */
async function followResult(
  application: Application,
  streams: SseStreams,
  queryType: string,
  context: Context,
  stopping: AbortSignal | undefined,
): Promise<Reply> {
  const request = context.req.raw
  const given = new QueryString(request.url, `query ${queryType}`)
  if (pastMomentIn(given) !== undefined) {
    throw given.invalid('asOf', 'must not be given with Accept: text/event-stream: the past does not change')
  }
  const position = await startPosition(application.eventStore, request.headers, given)
  const query = toQuery(queryType, given, position === 0 ? undefined : position)
  if (request.method === 'HEAD') return { status: 200, headers: sseHeaders, body: null }
  streams.assertRoom()
  const source = await untilLeftOrStopping(context, stopping, (signal) => QueryStream.start(application, query, signal))
  try {
    return { status: 200, headers: sseHeaders, body: streams.open('/queries/:queryType', source) }
  } catch (error) {
    source.close()
    throw error
  }
}

function toQuery(queryType: string, given: QueryString, afterPosition: number | undefined): Query {
  const waitMs = given.wholeNumber('wait', { least: 0, most: maxWaitMs })
  return {
    queryType,
    parameters: given.toParameters(reservedParameters),
    ...(afterPosition === undefined ? undefined : { afterPosition }),
    ...(waitMs === undefined ? undefined : { waitMs }),
  }
}

/** Over HTTP such a parameter could never be given. */
function checkParameters({ queryType, parameters }: QueryDefinition): void {
  const { properties = {} } = jsonSchemaOf(parameters) as { readonly properties?: object }
  const taken = reservedParameters.find((name) => Object.hasOwn(properties, name))
  if (taken === undefined) return
  throw new InvalidDefinitionError(
    `Query ${queryType} has a parameter '${taken}', which every query over HTTP has already. Rename it.`,
  )
}
