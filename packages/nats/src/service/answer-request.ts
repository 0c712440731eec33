/** Takes a request from its message to the message that answers it. */

import {
  type Application,
  type Command,
  hasErrorCode,
  UnauthenticatedError,
  UnknownNameError,
  ValidationError,
} from '@cim/core'
import { encodeAcknowledgment } from '../wire/acknowledgment-codec.ts'
import { toBytes } from '../wire/json-body.ts'
import { decodeCommand, decodeQuery } from '../wire/request-codec.ts'
import {
  encodeHeader,
  formOf,
  HeaderReader,
  jsonContentType,
  type ReceivedMessage,
  type WireMessage,
} from '../wire/wire-message.ts'
import type { NatsPrincipal, NatsServiceOptions } from './nats-service-options.ts'
import { nameIn } from './service-subjects.ts'

/** A request that came in whole. */
export type ServiceRequest = Required<ReceivedMessage>

type Authenticate = NatsServiceOptions['authenticate']

/**
 * @param aggregateType from the subject
 * @param signal gives up before the next attempt
 * @returns the acknowledgment in the form that is asked for by `Accept`, or in that of the request
 */
export async function answerCommand(
  application: Application,
  authenticate: Authenticate,
  aggregateType: string,
  request: ServiceRequest,
  signal: AbortSignal,
): Promise<WireMessage> {
  const commandType = nameIn(request.subject)
  const known = Object.keys(application.aggregates.get(aggregateType)?.commands ?? {})
  if (!known.includes(commandType)) throw new UnknownNameError('unknown-command', commandType, known)
  const principal = await principalOf(authenticate, request)
  const claimed = decodeCommand(request, commandType)
  const command = authenticate === undefined ? claimed : withPrincipal(claimed, principal)
  const headers = new HeaderReader(request.headers)
  const mode = headers.get('Prefer')?.toLowerCase().includes('respond-async') === true ? 'async' : 'sync'
  try {
    const acknowledgment = await application.dispatch(command, { principal, mode, signal })
    const reply = encodeAcknowledgment(acknowledgment, formOf(headers.get('Accept') ?? headers.get('Content-Type')))
    const correlationId = encodeHeader(command.correlationId ?? acknowledgment.commandId)
    return { ...reply, headers: { ...reply.headers, 'X-Correlation-ID': correlationId } }
  } catch (error) {
    throw pointingInto('/data', `command ${commandType}`, error)
  }
}

/** @returns the result as JSON; `null` when what was asked for does not exist */
export async function answerQuery(
  application: Application,
  authenticate: Authenticate,
  request: ServiceRequest,
  signal: AbortSignal,
): Promise<WireMessage> {
  const queryType = nameIn(request.subject)
  await principalOf(authenticate, request)
  const query = decodeQuery(request, queryType)
  try {
    const result = await application.answer(query, { signal })
    return { headers: { 'Content-Type': jsonContentType }, body: toBytes(result ?? null) }
  } catch (error) {
    throw pointingInto('/parameters', `query ${queryType}`, error)
  }
}

async function principalOf(authenticate: Authenticate, { subject, headers }: ServiceRequest) {
  if (authenticate === undefined) return undefined
  const principal = await authenticate({ subject, headers })
  if (principal !== undefined) return principal
  throw new UnauthenticatedError(
    'The service does not know who sends this. Send what it authenticates by, in a header.',
  )
}

function withPrincipal(
  { userId: _user, sessionId: _session, ...command }: Command,
  principal?: NatsPrincipal,
): Command {
  const { userId, sessionId } = principal ?? {}
  return {
    ...command,
    ...(userId === undefined ? undefined : { userId }),
    ...(sessionId === undefined ? undefined : { sessionId }),
  }
}

/** The fields of the body were checked before, so what is wrong now is wrong inside of one. */
function pointingInto(place: string, subject: string, error: unknown): unknown {
  if (!hasErrorCode(error, 'validation')) return error
  const { subject: found, issues } = error as ValidationError
  const point = (pointer: string): string => {
    if (pointer.startsWith('/asOf')) return pointer.replace('/asOf', '/as_of')
    return found === subject ? place + pointer : pointer
  }
  const moved = issues.map(({ pointer, message }) => ({ pointer: point(pointer), message }))
  return new ValidationError(found, moved, { cause: error })
}
