/** Events as our JSON: the mission's field names, and the content of the event embedded. */

import type { DomainEventEnvelope, EventMetadata } from '@cim/core'
import { type EventCodec, eventSubject, Outside, readEnvelope } from './event-codec.ts'
import { eventHeaders } from './event-headers.ts'
import { FieldReader, field, first, isGiven } from './field-reader.ts'
import { parseJson, toBytes } from './json-body.ts'
import { withPrefixKept } from './wire-ids.ts'
import { HeaderReader, jsonContentType, type ReceivedMessage } from './wire-message.ts'

/** The form for services that know nothing of Rust: what is not there is left out. */
export const jsonEventCodec: EventCodec = {
  codecName: 'json',
  encode(event) {
    const { metadata } = event
    const body = {
      event_id: event.eventId,
      aggregate_type: event.aggregateType,
      aggregate_id: event.aggregateId,
      sequence: event.sequence,
      position: event.position,
      event_type: event.eventType,
      schema_version: event.schemaVersion,
      event_data: event.eventData,
      metadata: {
        correlation_id: kept(metadata.correlationId, 'correlation:'),
        causation_id: kept(metadata.causationId, 'causation:'),
        command_id: metadata.commandId,
        user_id: metadata.userId,
        session_id: metadata.sessionId,
      },
      timestamp: event.timestamp,
    }
    return { headers: { 'Content-Type': jsonContentType, ...eventHeaders(event) }, body: toBytes(body) }
  },
  decode(message) {
    return readJsonEvent(message, parseJson(message.body, eventSubject))
  },
}

/** @param body the parsed body of the message */
export function readJsonEvent(message: ReceivedMessage, body: unknown): DomainEventEnvelope {
  const reader = new FieldReader(eventSubject)
  const fields = reader.object({ value: body, pointer: '' })
  reader.finish()
  const outside = new Outside(new HeaderReader(message.headers), message.subject)
  const metadata = field(fields, 'metadata')
  const inMetadata = isGiven(metadata) ? reader.object(metadata) : {}
  const about = (name: string) => field(inMetadata, name, '/metadata')
  const found: Record<keyof EventMetadata, ReturnType<typeof field>> = {
    correlationId: first(about('correlation_id'), outside.header('correlationId')),
    causationId: first(about('causation_id'), outside.header('causationId')),
    commandId: first(about('command_id'), outside.header('commandId')),
    userId: about('user_id'),
    sessionId: about('session_id'),
  }
  return readEnvelope(reader, {
    eventId: field(fields, 'event_id'),
    aggregateType: first(field(fields, 'aggregate_type'), outside.aggregateType()),
    aggregateId: field(fields, 'aggregate_id'),
    sequence: field(fields, 'sequence'),
    position: first(field(fields, 'position'), outside.header('position')),
    eventType: field(fields, 'event_type'),
    schemaVersion: first(field(fields, 'schema_version'), outside.header('schemaVersion')),
    eventData: field(fields, 'event_data'),
    metadata: found,
    timestamp: field(fields, 'timestamp'),
  })
}

function kept(id: string | undefined, prefix: 'correlation:' | 'causation:'): string | undefined {
  return id === undefined ? undefined : withPrefixKept(id, prefix)
}
