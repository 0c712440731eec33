/** Headers of an event's message, for those who only look at the outside. */

import type { AggregateRef, PreparedEvent } from '@cim/core'
import { withPrefixKept } from '../wire/wire-ids.ts'
import { encodeHeader } from '../wire/wire-message.ts'

/**
 * As every wire form has them, but for `Nats-Msg-Id`: an event id may come again in another aggregate, and the server
 * would drop it there.
 * @returns lines as {@link EncodedHeaders.add} takes them
 * @see the mission's heading "Event Publishing"
 */
export function eventHeaders(
  { aggregateType, aggregateId }: AggregateRef,
  { eventType, metadata: { correlationId, causationId } }: PreparedEvent,
): string {
  const lines = `X-Event-Type: ${eventType}\r\nX-Aggregate-Type: ${aggregateType}\r\nX-Aggregate-ID: ${encodeHeader(aggregateId)}\r\n`
  const correlation =
    correlationId === undefined
      ? ''
      : `X-Correlation-ID: ${encodeHeader(withPrefixKept(correlationId, 'correlation:'))}\r\n`
  const causation =
    causationId === undefined ? '' : `X-Causation-ID: ${encodeHeader(withPrefixKept(causationId, 'causation:'))}\r\n`
  return lines + correlation + causation
}
