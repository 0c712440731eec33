/** `GET /queries/{queryType}` */

import { type Application, UnknownNameError } from '@cim/core'
import type { Metrics } from '../metrics/metrics.ts'
import { HttpRequestError } from '../problems/http-errors.ts'
import { outcomeOf } from '../problems/problem.ts'
import { jsonReply } from '../reply.ts'
import { QueryString } from '../request/query-string.ts'
import type { Route } from '../route.ts'

/** Parameters of every query, which no query's own may be called. */
export const reservedParameters: readonly string[] = ['after', 'wait']

/** The longest wait for a position, in milliseconds. */
export const maxWaitMs = 30_000

/**
 * @param application whose queries are answered
 * @param metrics counts the queries
 */
export function queryRoute(application: Application, metrics: Metrics): Route {
  const known = new Set(application.queries.map(({ queryType }) => queryType))
  return {
    method: 'GET',
    path: '/queries/:queryType',
    async handle({ req }) {
      const queryType = req.param('queryType') ?? ''
      if (!known.has(queryType)) throw new UnknownNameError('unknown-query', queryType, known)
      const start = performance.now()
      let status = 'ok'
      try {
        const result = await answer(application, queryType, req.raw)
        if (result === undefined) throw new HttpRequestError('not-found', `${queryType} found nothing.`)
        return jsonReply(200, result, { 'cache-control': 'no-store' })
      } catch (error) {
        status = outcomeOf(error, req.raw)
        throw error
      } finally {
        metrics.queries.increment(queryType, status)
        metrics.queryDuration.observe(queryType, performance.now() - start)
      }
    },
  }
}

function answer(application: Application, queryType: string, request: Request): Promise<unknown> {
  const given = new QueryString(request.url, `query ${queryType}`)
  const afterPosition = given.wholeNumber('after', { least: 0 })
  const waitMs = given.wholeNumber('wait', { least: 0, most: maxWaitMs })
  return application.answer(
    {
      queryType,
      parameters: given.toParameters(reservedParameters),
      ...(afterPosition === undefined ? undefined : { afterPosition }),
      ...(waitMs === undefined ? undefined : { waitMs }),
    },
    // A client that has left is not waited for; without a wait the signal would only cost.
    afterPosition === undefined ? undefined : { signal: request.signal },
  )
}
