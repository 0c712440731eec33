/** What a wire form of events is, and what all of them share when they read. */

import type { DomainEventEnvelope, EventMetadata } from '@cim/core'
import { eventHeader } from './event-headers.ts'
import { type FieldReader, type Found, first, isGiven } from './field-reader.ts'
import { withoutPrefix } from './wire-ids.ts'
import type { HeaderReader, ReceivedMessage, WireMessage } from './wire-message.ts'

/** Writes events as messages, always the same for the same event, and reads what others have written. */
export interface EventCodec {
  readonly codecName: 'json' | 'serde' | 'cloudevents' | 'cloudevents-binary'
  encode(event: DomainEventEnvelope): WireMessage
  /** @throws {ValidationError} that names each field that is not as it must be */
  decode(message: ReceivedMessage): DomainEventEnvelope
}

/** The subject of validation errors. */
export const eventSubject = 'event message'

/** Where each part of an envelope was found, or should have been. */
export interface EventParts extends Readonly<Record<Exclude<keyof DomainEventEnvelope, 'metadata'>, Found>> {
  readonly metadata: Readonly<Record<keyof EventMetadata, Found>>
}

/** What stands outside of a body. */
export class Outside {
  readonly #headers: HeaderReader
  readonly #aggregateType: string | undefined

  constructor(headers: HeaderReader, subject: string | undefined) {
    this.#headers = headers
    // `events.<Type>.<EventType>.<id>.<sequence>`, or the first three alone; a prefix may stand before them.
    const tokens = subject?.split('.') ?? []
    const start = [5, 3].find((count) => tokens.at(-count) === 'events')
    this.#aggregateType = start === undefined ? undefined : tokens.at(1 - start)
  }

  header(name: keyof typeof eventHeader): Found {
    return { value: this.#headers.get(eventHeader[name]), pointer: `/headers/${eventHeader[name]}` }
  }

  aggregateType(): Found {
    return first(this.header('aggregateType'), { value: this.#aggregateType, pointer: '/subject' })
  }
}

/** Fills in what may be missing. */
export function readEnvelope(reader: FieldReader, parts: EventParts): DomainEventEnvelope {
  if (parts.eventData.value === undefined) reader.fail(parts.eventData.pointer, 'the content of the event', undefined)
  const envelope = {
    eventId: reader.id(parts.eventId),
    aggregateType: reader.typeName(parts.aggregateType),
    aggregateId: reader.entityId(parts.aggregateId),
    sequence: reader.wholeNumber(parts.sequence, 1),
    position: isGiven(parts.position) ? reader.wholeNumber(parts.position, 0) : 0,
    eventType: reader.typeName(parts.eventType),
    schemaVersion: isGiven(parts.schemaVersion) ? reader.wholeNumber(parts.schemaVersion, 1) : 1,
    eventData: parts.eventData.value,
    metadata: readMetadata(reader, parts.metadata),
    timestamp: reader.time(parts.timestamp),
  }
  reader.finish()
  return envelope
}

function readMetadata(reader: FieldReader, parts: EventParts['metadata']): EventMetadata {
  const metadata: { -readonly [Name in keyof EventMetadata]: EventMetadata[Name] } = {}
  for (const [name, found] of Object.entries(parts) as [keyof EventMetadata, Found][]) {
    const value = unprefixed(name, found.value)
    if (isGiven({ ...found, value }) && value !== '') metadata[name] = reader.id({ ...found, value })
  }
  return metadata
}

function unprefixed(name: keyof EventMetadata, value: unknown): unknown {
  if (name === 'correlationId') return withoutPrefix(value, 'correlation:')
  if (name === 'causationId') return withoutPrefix(value, 'causation:')
  return value
}
