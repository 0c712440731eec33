/** An event as it is stored and transported. */

import type { EventMetadata } from './event-metadata.ts'

/**
 * A stored event with its place in the order of things. Immutable, and plain JSON.
 * @see the mission's heading "Event Envelope"
 */
export interface DomainEventEnvelope<TData = unknown> {
  /** Unique id; UUIDv7 unless the writer chose another. */
  readonly eventId: string
  readonly aggregateType: string
  readonly aggregateId: string
  /** Place in its aggregate, from 1, without gaps. */
  readonly sequence: number
  /** Place in the whole store. Rises; may skip numbers. A safe integer. */
  readonly position: number
  readonly eventType: string
  /** Version of the schema that `eventData` was written with, from 1. */
  readonly schemaVersion: number
  /** The content: any JSON value. */
  readonly eventData: TData
  readonly metadata: EventMetadata
  /** When the store accepted it: ISO-8601 in UTC with milliseconds. Never decreases as positions rise. */
  readonly timestamp: string
}

/** An event on its way into the store, which adds sequence, position and timestamp. */
export interface NewEvent {
  readonly eventType: string
  /** Any JSON value: no dates, maps, functions, BigInt or non-finite numbers. */
  readonly eventData: unknown
  /** From 1; 1 when left out. */
  readonly schemaVersion?: number
  /** A UUIDv7 is made when left out. Give your own to make a repeated append recognisable. */
  readonly eventId?: string
  readonly metadata?: EventMetadata
}
