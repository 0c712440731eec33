/** `POST /commands/{commandType}` */

import {
  type Application,
  type Command,
  type CommandAcknowledgment,
  hasErrorCode,
  UnknownNameError,
  ValidationError,
} from '@cim/core'
import type { Context } from 'hono'
import { parseCommandBody } from './command-body.ts'
import type { Principal } from './principal.ts'
import { jsonReply, type Reply } from './reply.ts'
import { readText } from './request-body.ts'
import { checkContentType, expectedVersionHeader, idHeader } from './request-headers.ts'
import type { Route } from './route.ts'

const statusOf = { Accepted: 200, Pending: 202, Rejected: 422 } as const

/**
 * @param application whose commands are taken
 * @param maxBodyBytes the largest body that is accepted
 */
export function commandRoute(application: Application, maxBodyBytes: number): Route {
  const known = new Set([...application.aggregates.values()].flatMap(({ commands }) => Object.keys(commands)))
  return {
    method: 'POST',
    path: '/commands/:commandType',
    async handle(context, principal) {
      const commandType = context.req.param('commandType') ?? ''
      if (!known.has(commandType)) throw new UnknownNameError('unknown-command', commandType, known)
      const command = await readCommand(context, commandType, principal, maxBodyBytes)
      const options = { principal, signal: context.req.raw.signal }
      try {
        return toReply(await application.dispatch(command, options), command.correlationId)
      } catch (error) {
        throw pointingIntoBody(error, commandType)
      }
    },
  }
}

async function readCommand(
  context: Context,
  commandType: string,
  principal: Principal | undefined,
  maxBodyBytes: number,
): Promise<Command> {
  const request = context.req.raw
  checkContentType(request.headers)
  const commandId = idHeader(request.headers, 'idempotency-key')
  const correlationId = idHeader(request.headers, 'x-correlation-id')
  const expectedVersion = expectedVersionHeader(request.headers)
  const isFramed = context.env?.incoming !== undefined
  const { aggregateId, data } = parseCommandBody(await readText(request, maxBodyBytes, isFramed), commandType)
  return {
    commandType,
    data,
    ...(aggregateId === undefined ? undefined : { aggregateId: aggregateId as NonNullable<Command['aggregateId']> }),
    ...(commandId === undefined ? undefined : { commandId }),
    ...(correlationId === undefined ? undefined : { correlationId }),
    ...(expectedVersion === undefined ? undefined : { expectedVersion }),
    ...(principal?.userId === undefined ? undefined : { userId: principal.userId }),
    ...(principal?.sessionId === undefined ? undefined : { sessionId: principal.sessionId }),
  }
}

function toReply(acknowledgment: CommandAcknowledgment, correlationId: string | undefined): Reply {
  return jsonReply(statusOf[acknowledgment.status], acknowledgment, {
    etag: `"${acknowledgment.version}"`,
    'x-position': String(acknowledgment.position),
    'x-correlation-id': correlationId ?? acknowledgment.commandId,
  })
}

/** The fields of the body were checked before, so what is wrong now is wrong in `data`. */
function pointingIntoBody(error: unknown, commandType: string): unknown {
  if (!hasErrorCode(error, 'validation')) return error
  const { subject, issues } = error as ValidationError
  if (subject !== `command ${commandType}`) return error
  return new ValidationError(
    subject,
    issues.map(({ pointer, message }) => ({ pointer: `/data${pointer}`, message })),
    { cause: error },
  )
}
