/** `POST /commands/{commandType}` */

import {
  type Application,
  type Command,
  type CommandAcknowledgment,
  type CommandStatus,
  hasErrorCode,
  UnknownNameError,
  ValidationError,
} from '@cim/core'
import type { Context } from 'hono'
import type { Metrics } from '../metrics/metrics.ts'
import type { Principal } from '../principal.ts'
import { codeOf } from '../problems/problem.ts'
import { jsonReply, type Reply } from '../reply.ts'
import { parseCommandBody } from '../request/command-body.ts'
import { type Preferences, preferencesOf } from '../request/preferences.ts'
import { readText } from '../request/request-body.ts'
import { checkContentType, expectedVersionHeader, idHeader } from '../request/request-headers.ts'
import type { Route } from '../route.ts'
import { maxWaitMs } from './query-route.ts'
import { pathOfCommand, waitOf } from './queued-command-route.ts'

/** A rejection is an outcome, not an error: its body is the acknowledgment, as it is when the command is accepted. */
export const acknowledgmentStatus: Readonly<Record<CommandStatus, number>> = {
  Accepted: 200,
  Pending: 202,
  Rejected: 422,
}

/**
 * A command that has come in whole is finished even when its sender leaves: sending it again under the same
 * `Idempotency-Key` gives its acknowledgment. With `Prefer: respond-async` it is queued, and its sender may leave at once.
 * @param application whose commands are taken
 * @param maxBodyBytes the largest body that is accepted
 * @param metrics counts the commands
 * @param stopping aborts when the service is to stop: nobody waits for a queued command then
 */
export function commandRoute(
  application: Application,
  maxBodyBytes: number,
  metrics: Metrics,
  stopping: AbortSignal | undefined,
): Route {
  const known = new Set([...application.aggregates.values()].flatMap(({ commands }) => Object.keys(commands)))
  return {
    method: 'POST',
    path: '/commands/:commandType',
    async handle(context, principal) {
      const commandType = context.req.param('commandType') ?? ''
      if (!known.has(commandType)) throw new UnknownNameError('unknown-command', commandType, known)
      const start = performance.now()
      let status = 'internal'
      try {
        const command = await readCommand(context, commandType, principal, maxBodyBytes)
        const preferences = preferencesOf(context.req.raw.headers, maxWaitMs)
        const mode = preferences.isAsync ? 'async' : 'sync'
        let acknowledgment = await application.dispatch(command, { principal, mode })
        if (acknowledgment.status === 'Pending') {
          acknowledgment = await outcomeOf(application, acknowledgment, preferences, context.req.raw.signal, stopping)
        }
        status = acknowledgment.status
        return toReply(acknowledgment, command.correlationId, preferences)
      } catch (error) {
        status = codeOf(error)
        throw pointingIntoBody(error, commandType)
      } finally {
        metrics.commands.increment(commandType, status)
        metrics.commandDuration.observe(commandType, performance.now() - start)
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

/** Waits as long as the sender would; the command is safe whatever comes meanwhile. */
async function outcomeOf(
  application: Application,
  pending: CommandAcknowledgment,
  { waitMs = 0 }: Preferences,
  left: AbortSignal,
  stopping: AbortSignal | undefined,
): Promise<CommandAcknowledgment> {
  if (waitMs === 0) return pending
  const signal = stopping === undefined ? left : AbortSignal.any([left, stopping])
  try {
    return await application.acknowledgmentOf(pending.commandId, { waitMs, signal })
  } catch (error) {
    if (signal.aborted && error === signal.reason) return pending
    throw error
  }
}

function toReply(
  acknowledgment: CommandAcknowledgment,
  correlationId: string | undefined,
  { isAsync, waitMs }: Preferences,
): Reply {
  const { status, commandId, version, position } = acknowledgment
  const applied = waitMs === undefined ? 'respond-async' : `respond-async, ${waitOf(waitMs)}`
  const headers = {
    'x-correlation-id': correlationId ?? commandId,
    ...(isAsync ? { 'preference-applied': applied } : undefined),
  }
  if (status === 'Pending') {
    // Nothing is known of the aggregate yet: no version, and no position to read at.
    return jsonReply(acknowledgmentStatus[status], acknowledgment, { ...headers, location: pathOfCommand(commandId) })
  }
  const place = { etag: `"${version}"`, 'x-position': String(position) }
  return jsonReply(acknowledgmentStatus[status], acknowledgment, { ...place, ...headers })
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
