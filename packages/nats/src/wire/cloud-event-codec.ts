/** Events as CloudEvents 1.0. */

import type { DomainEventEnvelope } from '@cim/core'
import { type EventCodec, eventSubject, Outside, readEnvelope } from './event-codec.ts'
import { eventHeaders } from './event-headers.ts'
import { FieldReader, type Found, field, first } from './field-reader.ts'
import { parseJson, toBytes } from './json-body.ts'
import { withPrefixKept } from './wire-ids.ts'
import {
  cloudEventContentType,
  encodeHeader,
  HeaderReader,
  isMediaType,
  jsonContentType,
  type ReceivedMessage,
} from './wire-message.ts'

/**
 * The whole event as one JSON document.
 * @see CloudEvents 1.0, JSON event format
 */
export const cloudEventCodec: EventCodec = {
  codecName: 'cloudevents',
  encode(event) {
    const body = { ...attributesOf(event), data: event.eventData }
    return { headers: { 'Content-Type': cloudEventContentType, ...eventHeaders(event) }, body: toBytes(body) }
  },
  decode(message) {
    const reader = new FieldReader(eventSubject)
    const fields = reader.object({ value: parseJson(message.body, eventSubject), pointer: '' })
    reader.finish()
    const data = field(fields, 'data')
    const base64 = field(fields, 'data_base64')
    const content = data.value === undefined && base64.value !== undefined ? readBase64(reader, base64) : data
    return readCloudEvent(reader, message, (name) => field(fields, name), content)
  },
}

/**
 * The content as body, everything else in headers `ce-…`.
 * @see CloudEvents, NATS protocol binding
 */
export const binaryCloudEventCodec: EventCodec = {
  codecName: 'cloudevents-binary',
  encode(event) {
    const headers = Object.entries(attributesOf(event))
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [`ce-${name}`, encodeHeader(String(value))])
    return { headers: { ...eventHeaders(event), ...Object.fromEntries(headers) }, body: toBytes(event.eventData) }
  },
  decode(message) {
    const headers = new HeaderReader(message.headers)
    const attribute = (name: string): Found => ({ value: headers.get(`ce-${name}`), pointer: `/headers/ce-${name}` })
    const reader = new FieldReader(eventSubject)
    const eventData = { value: parseJson(message.body, eventSubject), pointer: '' }
    return readCloudEvent(reader, message, attribute, eventData)
  },
}

/** Numbers are strings: an integer of a CloudEvent ends at 2,147,483,647. Names of extensions are lower case. */
function attributesOf(event: DomainEventEnvelope): Readonly<Record<string, string | undefined>> {
  const { aggregateType, aggregateId, metadata } = event
  const { correlationId, causationId } = metadata
  return {
    specversion: '1.0',
    id: event.eventId,
    source: `/aggregates/${aggregateType}/${encodeURIComponent(aggregateId)}`,
    type: event.eventType,
    subject: aggregateId,
    time: event.timestamp,
    datacontenttype: jsonContentType,
    aggregatetype: aggregateType,
    aggregatesequence: String(event.sequence),
    position: String(event.position),
    schemaversion: String(event.schemaVersion),
    correlationid: correlationId === undefined ? undefined : withPrefixKept(correlationId, 'correlation:'),
    causationid: causationId === undefined ? undefined : withPrefixKept(causationId, 'causation:'),
    commandid: metadata.commandId,
    userid: metadata.userId,
    sessionid: metadata.sessionId,
  }
}

/** @param attribute finds an attribute by its name */
function readCloudEvent(
  reader: FieldReader,
  { headers, subject }: ReceivedMessage,
  attribute: (name: string) => Found,
  eventData: Found,
): DomainEventEnvelope {
  const version = attribute('specversion')
  if (typeof version.value !== 'string' || !version.value.startsWith('1.'))
    reader.fail(version.pointer, '"1.0"', version.value)
  const type = attribute('datacontenttype')
  if (type.value !== undefined && type.value !== null && !isJson(type.value))
    reader.fail(type.pointer, 'application/json', type.value)
  const outside = new Outside(new HeaderReader(headers), subject)
  return readEnvelope(reader, {
    eventId: attribute('id'),
    aggregateType: first(attribute('aggregatetype'), outside.aggregateType()),
    aggregateId: first(attribute('subject'), outside.header('aggregateId')),
    sequence: first(attribute('aggregatesequence'), attribute('sequence')),
    position: attribute('position'),
    eventType: attribute('type'),
    schemaVersion: attribute('schemaversion'),
    eventData,
    metadata: {
      correlationId: attribute('correlationid'),
      causationId: attribute('causationid'),
      commandId: attribute('commandid'),
      userId: attribute('userid'),
      sessionId: attribute('sessionid'),
    },
    timestamp: attribute('time'),
  })
}

function isJson(type: unknown): boolean {
  return typeof type === 'string' && (isMediaType(type, jsonContentType) || /^[^;]+\+json\s*(;|$)/i.test(type))
}

function readBase64(reader: FieldReader, { value, pointer }: Found): Found {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) {
    reader.fail(pointer, 'base64', value)
    return { value: null, pointer }
  }
  return { value: parseJson(Buffer.from(value, 'base64'), eventSubject, pointer), pointer }
}
