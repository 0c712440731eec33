/** Events as messages: JSON with the mission's field names, and headers for those who only look at the outside. */

import {
  type AggregateRef,
  type CommandIdentity,
  type DomainEventEnvelope,
  type EventMetadata,
  type PreparedEvent,
  StoreCorruptError,
} from '@cim/core'
import { type IdPrefix, withPrefixKept } from '../wire/wire-ids.ts'
import { fromToken, parseEventSubject, type SubjectParts } from './event-subject.ts'

/** A message as a stream keeps it. */
export interface StoredMessage {
  readonly subject: string
  /** Its place in the stream: the position of an event. */
  readonly sequence: number
  readonly data: Uint8Array
}

/** An event with what stands beside it in its message. */
export interface StoredEvent {
  readonly envelope: DomainEventEnvelope
  /** The fingerprint of the command that it was appended with, undefined without one. */
  readonly fingerprint: number | undefined
}

interface EventBody {
  readonly event_id: string
  readonly aggregate_type: string
  readonly aggregate_id: string
  readonly sequence: number
  readonly event_type: string
  readonly schema_version: number
  readonly event_data: unknown
  readonly metadata: Readonly<Record<string, string>>
  readonly timestamp: string
  readonly command_fingerprint?: number
}

/** The third is what other services put before such ids, and readers take off: see {@link withPrefixKept}. */
const metadataFields: readonly (readonly [keyof EventMetadata, string, IdPrefix?])[] = [
  ['correlationId', 'correlation_id', 'correlation:'],
  ['causationId', 'causation_id', 'causation:'],
  ['commandId', 'command_id'],
  ['userId', 'user_id'],
  ['sessionId', 'session_id'],
]

/** What a message takes besides the event's data: ids of 200 characters in body and headers. */
export const mostBytesAroundData = 16_384

/**
 * Writes what the wire form `json` says, but takes the data as the text that it already is.
 * @returns the body of an event's message
 */
export function encodeEvent(
  { aggregateType, aggregateId }: AggregateRef,
  event: PreparedEvent,
  sequence: number,
  timestamp: string,
  command: CommandIdentity | undefined,
): string {
  const fingerprint = command === undefined ? '' : `,"command_fingerprint":${command.fingerprint}`
  return (
    `{"event_id":${JSON.stringify(event.eventId)},"aggregate_type":"${aggregateType}","aggregate_id":${JSON.stringify(aggregateId)},` +
    `"sequence":${sequence},"event_type":"${event.eventType}","schema_version":${event.schemaVersion},` +
    `"event_data":${event.text},"metadata":${encodeMetadata(event.metadata)},"timestamp":"${timestamp}"${fingerprint}}`
  )
}

function encodeMetadata(metadata: EventMetadata): string {
  let text = ''
  let [id, json]: [string | undefined, string] = [undefined, '']
  for (const [name, field, prefix] of metadataFields) {
    const value = metadata[name]
    if (value === undefined) continue
    const kept = prefix === undefined ? value : withPrefixKept(value, prefix)
    // Correlation, causation and command are one id for the events of a root command.
    if (kept !== id) [id, json] = [kept, JSON.stringify(kept)]
    text += `${text === '' ? '"' : ',"'}${field}":${json}`
  }
  return `{${text}}`
}

/**
 * @param prefix before the subjects of the stream
 * @param message from the stream
 * @returns undefined when it is not about an event
 * @throws {StoreCorruptError} when it has the subject of an event and is none
 */
export function decodeEvent(prefix: string, message: StoredMessage): StoredEvent | undefined {
  const parts = parseEventSubject(prefix, message.subject)
  if (parts === undefined) return undefined
  const body = parseBody(message, parts)
  const metadata: Record<string, string> = {}
  for (const [name, field, prefix] of metadataFields) {
    const value = body.metadata[field]
    if (value === undefined) continue
    metadata[name] = prefix !== undefined && value.startsWith(prefix) ? value.slice(prefix.length) : value
  }
  const { event_id: eventId, aggregate_type: aggregateType, aggregate_id: aggregateId, sequence } = body
  const { event_type: eventType, schema_version: schemaVersion, event_data: eventData, timestamp } = body
  const place = { eventId, aggregateType, aggregateId, sequence, position: message.sequence, eventType, schemaVersion }
  return { envelope: { ...place, eventData, metadata, timestamp }, fingerprint: body.command_fingerprint }
}

function parseBody(message: StoredMessage, parts: SubjectParts): EventBody {
  let body: Partial<EventBody> | undefined
  try {
    body = JSON.parse(textOf(message.data)) as Partial<EventBody> | undefined
  } catch {
    body = undefined
  }
  const isEvent =
    body?.aggregate_type === parts.aggregateType &&
    body.event_type === parts.eventType &&
    body.sequence === parts.sequence &&
    body.aggregate_id === fromToken(parts.idToken) &&
    typeof body.event_id === 'string' &&
    typeof body.schema_version === 'number' &&
    typeof body.timestamp === 'string' &&
    typeof body.metadata === 'object' &&
    body.metadata !== null &&
    'event_data' in body
  if (isEvent) return body as EventBody
  throw new StoreCorruptError(
    `The message at position ${message.sequence} with the subject ${message.subject} is not the event that its subject ` +
      'names. Let nothing but this store write to the subjects of its stream; restore the stream from a backup from before.',
  )
}

/** @returns the text of a message */
export function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8')
}
