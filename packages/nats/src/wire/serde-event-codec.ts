/** Events exactly as serde_json writes the mission's `DomainEventEnvelope`. */

import { type DomainEventEnvelope, deriveUuid, ValidationError } from '@cim/core'
import { type EventCodec, eventSubject, Outside, readEnvelope } from './event-codec.ts'
import { eventHeader, eventHeaders } from './event-headers.ts'
import { FieldReader, type Found, field, first, isGiven } from './field-reader.ts'
import { parseJson, toBytes } from './json-body.ts'
import { toUuid } from './wire-ids.ts'
import { encodeHeader, HeaderReader, type ReceivedMessage, serdeContentType } from './wire-message.ts'
import { toSystemTime } from './wire-time.ts'

/**
 * The form for services in Rust that hold the mission's structs. What these have no field for, and ids that are no UUIDs
 * where they have a `Uuid`, stand in headers: in the body, `event_id` is then derived from the id, and an option is null.
 */
export const serdeEventCodec: EventCodec = {
  codecName: 'serde',
  encode(event) {
    const { metadata } = event
    const body = {
      event_id: uuidOf(event.eventId),
      aggregate_id: event.aggregateId,
      sequence: event.sequence,
      event_type: event.eventType,
      event_data: Array.from(toBytes(event.eventData)),
      metadata: {
        correlation_id: toUuid(metadata.correlationId) ?? null,
        causation_id: toUuid(metadata.causationId) ?? null,
        user_id: metadata.userId ?? null,
        session_id: metadata.sessionId ?? null,
      },
      timestamp: toSystemTime(event.timestamp, eventSubject),
    }
    const headers = {
      'Content-Type': serdeContentType,
      ...eventHeaders(event),
      ...(metadata.commandId === undefined ? undefined : { [eventHeader.commandId]: encodeHeader(metadata.commandId) }),
      [eventHeader.schemaVersion]: String(event.schemaVersion),
      [eventHeader.position]: String(event.position),
    }
    return { headers, body: toBytes(body) }
  },
  decode(message) {
    return readSerdeEvent(message, parseJson(message.body, eventSubject))
  },
}

/** @param body the parsed body of the message */
export function readSerdeEvent(message: ReceivedMessage, body: unknown): DomainEventEnvelope {
  const reader = new FieldReader(eventSubject)
  const fields = reader.object({ value: body, pointer: '' })
  reader.finish()
  const outside = new Outside(new HeaderReader(message.headers), message.subject)
  const metadata = field(fields, 'metadata')
  const inMetadata = isGiven(metadata) ? reader.object(metadata) : {}
  const about = (name: string) => field(inMetadata, name, '/metadata')
  const eventId = field(fields, 'event_id')
  const whole = outside.header('eventId')
  return readEnvelope(reader, {
    eventId: isGiven(whole) && uuidOf(whole.value as string) === eventId.value ? whole : eventId,
    aggregateType: first(field(fields, 'aggregate_type'), outside.aggregateType()),
    aggregateId: field(fields, 'aggregate_id'),
    sequence: field(fields, 'sequence'),
    position: outside.header('position'),
    eventType: field(fields, 'event_type'),
    schemaVersion: outside.header('schemaVersion'),
    eventData: readBytes(reader, field(fields, 'event_data')),
    metadata: {
      correlationId: wholeId(about('correlation_id'), outside.header('correlationId')),
      causationId: wholeId(about('causation_id'), outside.header('causationId')),
      commandId: outside.header('commandId'),
      userId: about('user_id'),
      sessionId: about('session_id'),
    },
    timestamp: field(fields, 'timestamp'),
  })
}

function uuidOf(id: string): string {
  return toUuid(id) ?? deriveUuid('Event', id)
}

/** A header has the id as it was, the body what a `Uuid` keeps of it. */
function wholeId(inBody: Found, header: Found): Found {
  if (!isGiven(inBody)) return header
  return toUuid(header.value as string | undefined) === inBody.value ? header : inBody
}

function readBytes(reader: FieldReader, { value, pointer }: Found): Found {
  const isBytes = Array.isArray(value) && value.every((item) => Number.isInteger(item) && item >= 0 && item <= 255)
  if (!isBytes) {
    reader.fail(pointer, 'an array of bytes, numbers from 0 to 255 that are JSON in UTF-8', value)
    return { value: null, pointer }
  }
  try {
    return { value: parseJson(Uint8Array.from(value), eventSubject, pointer), pointer }
  } catch (error) {
    if (error instanceof ValidationError) reader.add(error.issues)
    return { value: null, pointer }
  }
}
