/** Headers of an event's message, for those who only look at the outside. */

import type { AggregateRef, PreparedEvent } from '@cim/core'

/**
 * Values are percent-encoded where a header could not carry them as they are: control characters, blanks at the ends,
 * everything beyond ASCII, and the percent sign itself.
 * @see the mission's heading "Event Publishing"
 */
export function eventHeaders(
  { aggregateId }: AggregateRef,
  { eventType, metadata }: PreparedEvent,
): readonly (readonly [string, string])[] {
  const headers: [string, string][] = [
    ['X-Aggregate-ID', encodeHeader(aggregateId)],
    ['X-Event-Type', eventType],
  ]
  const { correlationId, causationId } = metadata
  if (correlationId !== undefined) headers.push(['X-Correlation-ID', encodeHeader(correlationId)])
  if (causationId !== undefined) headers.push(['X-Causation-ID', encodeHeader(causationId)])
  return headers
}

const plain = /^[!-$&-~]+$/

/** @returns the value as a header can carry it */
export function encodeHeader(value: string): string {
  return plain.test(value) ? value : encodeURIComponent(value)
}

/** @returns what {@link encodeHeader} was given; a value that it did not make is left as it is */
export function decodeHeader(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
