/** The HTTP API of a CIM application, as a function from request to response. */

import { type Context, Hono } from 'hono'
import { createAnswer } from './answer.ts'
import { Gate } from './gate.ts'
import { type CheckedHttpApiOptions, checkHttpApiOptions, type HttpApiOptions } from './http-api-options.ts'
import { Metrics } from './metrics/metrics.ts'
import { openApiRoute } from './openapi/openapi-route.ts'
import { HttpRequestError } from './problems/http-errors.ts'
import { problemRoute } from './problems/problem-route.ts'
import type { Route } from './route.ts'
import { adminRoutes } from './routes/admin/admin-routes.ts'
import { aggregateRoutes } from './routes/aggregate-routes.ts'
import { commandRoute } from './routes/command-route.ts'
import { eventRoute } from './routes/event-route.ts'
import { queryRoute } from './routes/query-route.ts'
import { queuedCommandRoute } from './routes/queued-command-route.ts'
import { healthRoute, indexRoute, metricsRoute, readinessRoute } from './routes/service-routes.ts'
import { SseStreams } from './routes/sse-streams.ts'

/** Answers requests. */
export interface HttpApi {
  /**
   * @param request from any server that speaks in web-standard requests
   * @param bindings what that server knows beside it; `@hono/node-server` passes `incoming` and `outgoing`
   */
  fetch(request: Request, bindings?: object): Response | Promise<Response>
  /** Answers a request without a server, for tests. @param path for instance `/queries/GetPersonById?id=1` */
  request(path: string, init?: RequestInit): Promise<Response>
}

/**
 * @param options the application, and who may use it
 * @throws {InvalidOptionError} when an option is unknown or out of range
 * @throws {InvalidDefinitionError} when a query's own parameter has the name of one that every query has
 */
export function createHttpApi(options: HttpApiOptions): HttpApi {
  const checked = checkHttpApiOptions(options)
  const metrics = new Metrics()
  const answer = createAnswer(checked, new Gate(options), metrics)
  const app = new Hono()
  for (const route of routesOf(checked, metrics)) {
    // One handler per path and no middleware: the router then calls it directly.
    app.on(route.method, route.path, (context) => answer(context, route))
  }
  app.notFound((context) =>
    answer(context, { method: 'GET', path: 'unmatched', handle: () => refuseUnmatched(app, context) }),
  )
  return {
    fetch: (request, bindings) => app.fetch(request, bindings),
    request: async (path, init) => app.request(path, init),
  }
}

function routesOf(options: CheckedHttpApiOptions, metrics: Metrics): readonly Route[] {
  const { application, title, version, maxBodyBytes, heartbeatMs, maxStreams, stopping } = options
  const onError = (error: unknown, route: string): void =>
    options.onError(error, { errorId: crypto.randomUUID(), method: 'GET', route })
  const streams = new SseStreams({ metrics, heartbeatMs, maxStreams, onError, stopping })
  return [
    commandRoute(application, maxBodyBytes, metrics, stopping),
    queuedCommandRoute(application, stopping),
    queryRoute(application, metrics, streams, stopping),
    ...aggregateRoutes(application),
    eventRoute(application.eventStore, streams),
    ...adminRoutes(application, stopping),
    indexRoute(application, title, version),
    openApiRoute(options),
    problemRoute(),
    healthRoute(),
    readinessRoute(application, stopping),
    metricsRoute(application, metrics),
  ]
}

function refuseUnmatched(app: Hono, { req }: Context): never {
  const allowed = ['GET', 'POST'].filter((method) => app.router.match(method, req.path)[0].length > 0)
  if (allowed.length === 0) {
    throw new HttpRequestError(
      'unknown-path',
      `There is nothing under ${JSON.stringify(req.path)}. See / for what there is.`,
    )
  }
  const allow = allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
  throw new HttpRequestError('method-not-allowed', `${req.path} takes ${allow}, not ${req.method}.`, {
    headers: { allow },
  })
}
