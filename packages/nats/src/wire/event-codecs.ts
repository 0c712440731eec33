/** Every wire form of events, and reading one without knowing which it is. */

import type { DomainEventEnvelope } from '@cim/core'
import { binaryCloudEventCodec, cloudEventCodec } from './cloud-event-codec.ts'
import { type EventCodec, eventSubject } from './event-codec.ts'
import { parseJson } from './json-body.ts'
import { jsonEventCodec, readJsonEvent } from './json-event-codec.ts'
import { readSerdeEvent, serdeEventCodec } from './serde-event-codec.ts'
import {
  cloudEventContentType,
  HeaderReader,
  isMediaType,
  type ReceivedMessage,
  serdeContentType,
} from './wire-message.ts'

/** The codecs by name. */
export const eventCodecs: Readonly<Record<EventCodec['codecName'], EventCodec>> = {
  json: jsonEventCodec,
  serde: serdeEventCodec,
  cloudevents: cloudEventCodec,
  'cloudevents-binary': binaryCloudEventCodec,
}

/**
 * Reads an event in whichever form it is: by its content type, by the headers of a CloudEvent, or, when nothing is said, by
 * the shape of its `timestamp`, as a service that only calls `serde_json::to_vec` says nothing.
 * @throws {ValidationError} that names each field that is not as it must be
 */
export function decodeEventMessage(message: ReceivedMessage): DomainEventEnvelope {
  const headers = new HeaderReader(message.headers)
  const contentType = headers.get('Content-Type')
  if (isMediaType(contentType, cloudEventContentType)) return cloudEventCodec.decode(message)
  if (headers.get('ce-specversion') !== undefined) return binaryCloudEventCodec.decode(message)
  if (isMediaType(contentType, serdeContentType)) return serdeEventCodec.decode(message)
  const body = parseJson(message.body, eventSubject)
  return isSerde(body) ? readSerdeEvent(message, body) : readJsonEvent(message, body)
}

function isSerde(body: unknown): boolean {
  const { timestamp } = (body ?? {}) as { readonly timestamp?: unknown }
  return typeof timestamp === 'object' && timestamp !== null
}
