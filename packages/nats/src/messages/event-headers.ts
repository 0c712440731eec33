/** Headers of an event's message, for those who only look at the outside. */

import type { AggregateRef, PreparedEvent } from '@cim/core'
import { withPrefixKept } from '../wire/wire-ids.ts'
import { encodeHeader } from '../wire/wire-message.ts'

/**
 * As every wire form has them, but for `Nats-Msg-Id`: an event id may come again in another aggregate, and the server
 * would drop it there.
 * @see the mission's heading "Event Publishing"
 */
export function eventHeaders(
  { aggregateType, aggregateId }: AggregateRef,
  { eventType, metadata }: PreparedEvent,
): readonly (readonly [string, string])[] {
  const headers: [string, string][] = [
    ['X-Event-Type', eventType],
    ['X-Aggregate-Type', aggregateType],
    ['X-Aggregate-ID', encodeHeader(aggregateId)],
  ]
  const { correlationId, causationId } = metadata
  if (correlationId !== undefined) {
    headers.push(['X-Correlation-ID', encodeHeader(withPrefixKept(correlationId, 'correlation:'))])
  }
  if (causationId !== undefined) {
    headers.push(['X-Causation-ID', encodeHeader(withPrefixKept(causationId, 'causation:'))])
  }
  return headers
}
