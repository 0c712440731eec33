/** Commands and queries as messages: what they are is said by the subject, the rest by the body. */

import type { Command, Query } from '@cim/core'
import { FieldReader, type Found, field, first, isGiven } from './field-reader.ts'
import { checkJson, parseJson, toBytes } from './json-body.ts'
import { withoutPrefix, withPrefixKept } from './wire-ids.ts'
import { contentTypeOf, HeaderReader, type ReceivedMessage, type WireForm, type WireMessage } from './wire-message.ts'

/** As over HTTP: half of what the event store accepts, as an event may wrap what a command brings. */
const requestDepth = 101
/** The longest wait that a query may ask for. */
const longestWaitMs = 30_000

/**
 * @param form ours, where what is not given is left out, or serde's, where it is null and the aggregate an `EntityId`
 * @throws {ValidationError} when the data is not plain JSON
 */
export function encodeCommand(command: Command, form: WireForm): WireMessage {
  const { aggregateId, expectedVersion, correlationId } = command
  const isSerde = form === 'serde'
  const none = isSerde ? null : undefined
  const body = {
    aggregate_id: aggregateId === undefined ? none : isSerde ? { id: aggregateId } : aggregateId,
    data: checkJson(command.data, `command ${command.commandType}`, '/data'),
    command_id: command.commandId ?? none,
    expected_version: expectedVersion ?? none,
    correlation_id: correlationId === undefined ? none : withPrefixKept(correlationId, 'correlation:'),
    user_id: command.userId ?? none,
    session_id: command.sessionId ?? none,
  }
  return { headers: { 'Content-Type': contentTypeOf(form) }, body: toBytes(body) }
}

/**
 * Reads either form. Ids of the command and of the correlation may also stand in headers.
 * @param commandType from the subject
 * @throws {ValidationError} that names each field that is not as it must be
 */
export function decodeCommand(message: ReceivedMessage, commandType: string): Command {
  const subject = `message with the command ${commandType}`
  const reader = new FieldReader(subject)
  const fields = reader.object({ value: parseJson(message.body, subject, '', requestDepth), pointer: '' })
  reader.finish()
  const headers = new HeaderReader(message.headers)
  const inHeader = (name: string): Found => ({ value: headers.get(name), pointer: `/headers/${name}` })
  const data = field(fields, 'data')
  if (data.value === undefined) reader.fail(data.pointer, 'what the command says', undefined)
  const aggregateId = field(fields, 'aggregate_id')
  const expectedVersion = field(fields, 'expected_version')
  const ids = {
    commandId: first(field(fields, 'command_id'), inHeader('X-Command-ID')),
    correlationId: withoutIdPrefix(first(field(fields, 'correlation_id'), inHeader('X-Correlation-ID'))),
    userId: field(fields, 'user_id'),
    sessionId: field(fields, 'session_id'),
  }
  const command: Record<string, unknown> = { commandType, data: data.value }
  if (isGiven(aggregateId)) command.aggregateId = reader.entityId(aggregateId)
  if (isGiven(expectedVersion)) command.expectedVersion = reader.wholeNumber(expectedVersion, 0)
  for (const [name, found] of Object.entries(ids)) if (isGiven(found)) command[name] = reader.id(found)
  reader.finish()
  return command as unknown as Command
}

/** @throws {ValidationError} when the parameters are not plain JSON */
export function encodeQuery(query: Query, form: WireForm): WireMessage {
  const none = form === 'serde' ? null : undefined
  const body = {
    parameters: checkJson(query.parameters ?? {}, `query ${query.queryType}`, '/parameters'),
    after_position: query.afterPosition ?? none,
    wait_ms: query.waitMs ?? none,
    as_of: query.asOf ?? none,
  }
  return { headers: { 'Content-Type': contentTypeOf(form) }, body: toBytes(body) }
}

/**
 * Reads either form. An empty body is a query without parameters.
 * @param queryType from the subject
 * @throws {ValidationError} that names each field that is not as it must be
 */
export function decodeQuery(message: ReceivedMessage, queryType: string): Query {
  if (message.body.length === 0) return { queryType, parameters: {} }
  const subject = `message with the query ${queryType}`
  const reader = new FieldReader(subject)
  const fields = reader.object({ value: parseJson(message.body, subject, '', requestDepth), pointer: '' })
  reader.finish()
  const parameters = field(fields, 'parameters')
  const afterPosition = field(fields, 'after_position')
  const waitMs = field(fields, 'wait_ms')
  const asOf = field(fields, 'as_of')
  if (isGiven(asOf) && (isGiven(afterPosition) || isGiven(waitMs))) {
    reader.fail(asOf.pointer, 'given without after_position and wait_ms: the past does not change', asOf.value)
  }
  const query = {
    queryType,
    parameters: isGiven(parameters) ? parameters.value : {},
    ...(isGiven(afterPosition) ? { afterPosition: reader.wholeNumber(afterPosition, 0) } : undefined),
    ...(isGiven(waitMs) ? { waitMs: reader.wholeNumber(waitMs, 0, longestWaitMs) } : undefined),
    ...(isGiven(asOf) ? { asOf: readMoment(reader, asOf) } : undefined),
  }
  reader.finish()
  return query
}

function readMoment(reader: FieldReader, asOf: Found): NonNullable<Query['asOf']> {
  const fields = reader.object(asOf)
  const position = field(fields, 'position', asOf.pointer)
  const timestamp = field(fields, 'timestamp', asOf.pointer)
  if (isGiven(position) === isGiven(timestamp))
    reader.fail(asOf.pointer, 'either a position or a timestamp', asOf.value)
  return {
    ...(isGiven(position) ? { position: reader.wholeNumber(position, 0) } : undefined),
    ...(isGiven(timestamp) ? { timestamp: reader.time(timestamp) } : undefined),
  }
}

function withoutIdPrefix(found: Found): Found {
  return { ...found, value: withoutPrefix(found.value, 'correlation:') }
}
