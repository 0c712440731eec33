/** What the headers of every event say, so that nobody has to open the body to route it. */

import type { DomainEventEnvelope } from '@cim/core'
import { withPrefixKept } from './wire-ids.ts'
import { encodeHeader } from './wire-message.ts'

/** The names of headers that carry what stands in an event's envelope. */
export const eventHeader = {
  eventId: 'Nats-Msg-Id',
  eventType: 'X-Event-Type',
  aggregateType: 'X-Aggregate-Type',
  aggregateId: 'X-Aggregate-ID',
  correlationId: 'X-Correlation-ID',
  causationId: 'X-Causation-ID',
  commandId: 'X-Command-ID',
  schemaVersion: 'X-Schema-Version',
  position: 'X-Position',
} as const

/** @returns the headers of every form; the id of the event is what the server recognises repeats by */
export function eventHeaders({ metadata, ...event }: DomainEventEnvelope): Record<string, string> {
  const { correlationId, causationId } = metadata
  return {
    [eventHeader.eventId]: encodeHeader(event.eventId),
    [eventHeader.eventType]: encodeHeader(event.eventType),
    [eventHeader.aggregateType]: encodeHeader(event.aggregateType),
    [eventHeader.aggregateId]: encodeHeader(event.aggregateId),
    ...(correlationId === undefined
      ? undefined
      : { [eventHeader.correlationId]: encodeHeader(withPrefixKept(correlationId, 'correlation:')) }),
    ...(causationId === undefined
      ? undefined
      : { [eventHeader.causationId]: encodeHeader(withPrefixKept(causationId, 'causation:')) }),
  }
}
