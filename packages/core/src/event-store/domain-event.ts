/** An event as domain code sees it: decoded, in the current schema version. */

import { UndecodableEventError } from '../errors/event-errors.ts'
import type { EntityId } from './aggregate-ref.ts'
import type { DomainEventEnvelope } from './domain-event-envelope.ts'
import type { EventMetadata } from './event-metadata.ts'
import { type Upcasters, upcast } from './upcaster.ts'

/** A stored event whose data is in the current schema version. */
export interface DomainEvent<TType extends string = string, TData = unknown, TAggregateType extends string = string> {
  readonly eventType: TType
  readonly data: TData
  readonly aggregateType: TAggregateType
  readonly aggregateId: EntityId<TAggregateType>
  readonly sequence: number
  readonly position: number
  readonly timestamp: string
  readonly eventId: string
  readonly metadata: EventMetadata
}

/**
 * @param envelope the event as stored
 * @param upcasters those of the event's aggregate type
 * @throws {UndecodableEventError} when its data cannot be lifted to the current schema version
 */
export function decodeEvent(envelope: DomainEventEnvelope, upcasters: Upcasters | undefined): DomainEvent {
  let data: unknown
  try {
    data = upcast(upcasters, envelope)
  } catch (cause) {
    throw new UndecodableEventError(envelope, cause instanceof Error ? cause.message : String(cause), { cause })
  }
  return {
    eventType: envelope.eventType,
    data,
    aggregateType: envelope.aggregateType,
    aggregateId: envelope.aggregateId as EntityId,
    sequence: envelope.sequence,
    position: envelope.position,
    timestamp: envelope.timestamp,
    eventId: envelope.eventId,
    metadata: envelope.metadata,
  }
}
