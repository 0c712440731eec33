/** `GET /queries/{queryType}` */

import { type Application, UnknownNameError } from '@cim/core'
import { HttpRequestError } from './http-errors.ts'
import { QueryString } from './query-string.ts'
import { jsonReply } from './reply.ts'
import type { Route } from './route.ts'

/** Parameters of every query, which no query's own may be called. */
export const reservedParameters: readonly string[] = ['after', 'wait']

/** The longest wait for a position, in milliseconds. */
export const maxWaitMs = 30_000

/** @param application whose queries are answered */
export function queryRoute(application: Application): Route {
  const known = new Set(application.queries.map(({ queryType }) => queryType))
  return {
    method: 'GET',
    path: '/queries/:queryType',
    async handle(context) {
      const queryType = context.req.param('queryType') ?? ''
      if (!known.has(queryType)) throw new UnknownNameError('unknown-query', queryType, known)
      const request = context.req.raw
      const given = new QueryString(request.url, `query ${queryType}`)
      const afterPosition = given.wholeNumber('after', { least: 0 })
      const waitMs = given.wholeNumber('wait', { least: 0, most: maxWaitMs })
      const result = await application.answer(
        {
          queryType,
          parameters: given.toParameters(reservedParameters),
          ...(afterPosition === undefined ? undefined : { afterPosition }),
          ...(waitMs === undefined ? undefined : { waitMs }),
        },
        afterPosition === undefined ? undefined : { signal: request.signal },
      )
      if (result === undefined) throw new HttpRequestError('not-found', `${queryType} found nothing.`)
      return jsonReply(200, result, { 'cache-control': 'no-store' })
    },
  }
}
