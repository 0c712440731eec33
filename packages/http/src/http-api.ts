/** The HTTP API of a CIM application, as a function from request to response. */

import { type Application, checkOptions, checkWholeNumber } from '@cim/core'
import { type Context, Hono } from 'hono'
import { aggregateRoutes } from './aggregate-routes.ts'
import { commandRoute } from './command-route.ts'
import { eventRoute } from './event-route.ts'
import { Gate, type GateOptions } from './gate.ts'
import { HttpRequestError } from './http-errors.ts'
import { toProblem } from './problem.ts'
import { queryRoute } from './query-route.ts'
import type { Reply } from './reply.ts'
import type { Route } from './route.ts'

/** A fault that the client was not told about, and the id that it was given instead. */
export interface HttpFault {
  readonly errorId: string
  readonly method: string
  /** The path with its parameters' names, for instance `/aggregates/:aggregateType/:aggregateId`. */
  readonly route: string
}

/** What {@link createHttpApi} takes. */
export interface HttpApiOptions extends GateOptions {
  readonly application: Application
  /** Names the API in `/` and in the OpenAPI document. */
  readonly title?: string
  readonly version?: string
  /** The largest body that is accepted; 2 MiB when left out. */
  readonly maxBodyBytes?: number
  /** Is told of every fault on the server's side, with the original error. */
  readonly onError?: (error: unknown, fault: HttpFault) => void
  /** Aborts when the service is to stop: live streams end, and new requests are refused. */
  readonly stopping?: AbortSignal
}

/** The names of {@link HttpApiOptions}, for those who pass them on. */
export const httpApiOptionNames: readonly string[] = [
  'application',
  'title',
  'version',
  'token',
  'authenticate',
  'allowedHosts',
  'maxBodyBytes',
  'onError',
  'stopping',
]

/** Answers requests. */
export interface HttpApi {
  /**
   * @param request from any server that speaks in web-standard requests
   * @param bindings what that server knows beside it; `@hono/node-server` passes `incoming` and `outgoing`
   */
  fetch(request: Request, bindings?: object): Response | Promise<Response>
  /** Answers a request that is made up on the spot, for tests. @param path for instance `/commands/CreatePerson` */
  request(path: string, init?: RequestInit): Promise<Response>
}

/**
 * @param options the application, and who may use it
 * @throws {InvalidOptionError} when an option is unknown or out of range
 */
export function createHttpApi(options: HttpApiOptions): HttpApi {
  checkOptions('createHttpApi', options, httpApiOptionNames)
  const { application } = options
  const maxBodyBytes = checkWholeNumber('createHttpApi', 'maxBodyBytes', options.maxBodyBytes ?? 2 * 1024 * 1024, {
    least: 1,
  })
  const gate = new Gate(options)
  const app = new Hono()

  const answer = async (context: Context, route: Route): Promise<Response> => {
    let reply: Reply
    try {
      if (options.stopping?.aborted === true && route.isOpen !== true) throw stoppingError()
      const request = context.req.raw
      gate.checkOrigin(request)
      const principal = route.isOpen === true ? undefined : gate.identify(request)
      reply = await route.handle(context, principal instanceof Promise ? await principal : principal)
    } catch (error) {
      reply = replyTo(error, context.req.method, route.path)
    }
    return new Response(reply.body, { status: reply.status, headers: reply.headers })
  }

  const replyTo = (error: unknown, method: string, route: string): Reply => {
    let errorId = ''
    const problem = toProblem(error, () => {
      errorId = crypto.randomUUID()
      return errorId
    })
    if (problem.isFault) options.onError?.(error, { errorId, method, route })
    return problem.reply
  }

  const routes = [
    commandRoute(application, maxBodyBytes),
    queryRoute(application),
    ...aggregateRoutes(application),
    eventRoute(application.eventStore),
  ]
  for (const route of routes) app.on(route.method, route.path, (context) => answer(context, route))
  app.notFound((context) =>
    answer(context, { method: 'GET', path: 'unmatched', handle: () => unmatched(app, context) }),
  )

  return {
    fetch: (request, bindings) => app.fetch(request, bindings),
    request: async (path, init) => app.request(path, init),
  }
}

function unmatched(app: Hono, { req }: Context): never {
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

function stoppingError(): HttpRequestError {
  return new HttpRequestError('stopping', 'The service is stopping. Nothing was done; send the request again soon.', {
    headers: { connection: 'close' },
  })
}
