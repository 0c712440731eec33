/** Takes one request through the gate to its route, and whatever comes of it back as a response. */

import type { Context } from 'hono'
import type { Gate } from './gate.ts'
import type { CheckedHttpApiOptions } from './http-api-options.ts'
import type { Metrics } from './metrics/metrics.ts'
import { stoppingError } from './problems/http-errors.ts'
import { toProblem } from './problems/problem.ts'
import type { Reply } from './reply.ts'
import { checkPercentEncoding } from './request/percent-encoding.ts'
import type { Route } from './route.ts'

/** Answers a request by a route. Never throws. */
export type Answer = (context: Context, route: Route) => Promise<Response>

const closing = { connection: 'close' }
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * @param options the API's
 * @param gate lets requests in
 * @param metrics counts them
 */
export function createAnswer(options: CheckedHttpApiOptions, gate: Gate, metrics: Metrics): Answer {
  const { stopping } = options
  return async (context, route) => {
    const request = context.req.raw
    let reply: Reply
    try {
      if (stopping?.aborted === true && route.isOpen !== true) throw stoppingError()
      gate.checkOrigin(request)
      const identified = route.isOpen === true ? undefined : gate.identify(request)
      const principal = identified instanceof Promise ? await identified : identified
      const admission = gate.admit(route.path, principal)
      if (admission !== undefined) await admission
      checkPercentEncoding(pathOf(request), 'path')
      reply = await route.handle(context, principal)
    } catch (error) {
      reply = replyTo(error, options, request.method, route.path)
    }
    // A method is whatever the client writes, and every label is kept for good.
    const method = methods.has(request.method) ? request.method : 'other'
    metrics.requests.increment(method, route.path, String(reply.status))
    const headers = stopping?.aborted === true ? { ...reply.headers, ...closing } : reply.headers
    return new Response(reply.body, { status: reply.status, headers })
  }
}

function pathOf({ url }: Request): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

/** @returns the problem document for an error, after telling `onError` when it is a fault */
function replyTo(error: unknown, { onError }: CheckedHttpApiOptions, method: string, route: string): Reply {
  let errorId = ''
  const problem = toProblem(error, () => {
    errorId = crypto.randomUUID()
    return errorId
  })
  if (problem.isFault) onError(error, { errorId, method, route })
  return problem.reply
}
