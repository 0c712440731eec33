/** Where a client that reconnects goes on. */

import type { EventStore } from '@cim/core'
import type { QueryString } from './query-string.ts'
import { invalidHeader } from './request-headers.ts'

/**
 * @param eventStore whose positions they are
 * @param headers `Last-Event-ID` counts for more than the parameter `after`
 * @param given the parameters
 * @returns the position after which a live stream starts, 0 when nothing says
 * @throws {HttpRequestError | ValidationError} when it is not well-formed, or nothing is stored there yet: the client
 * would miss every event until the store came that far
 */
export async function startPosition(eventStore: EventStore, headers: Headers, given: QueryString): Promise<number> {
  const lastSeen = lastEventId(headers)
  const position = lastSeen ?? given.wholeNumber('after', { least: 0 }) ?? 0
  if (position === 0) return position
  const head = await eventStore.headPosition()
  if (position <= head) return position
  const problem = `must not be beyond the newest event, which has position ${head}, got ${position}. Is it from another store, or from before this one was restored? Then start again from 0`
  throw lastSeen === undefined ? given.invalid('after', problem) : invalidHeader('last-event-id', problem)
}

/** @throws {HttpRequestError} `invalid-header` */
function lastEventId(headers: Headers): number | undefined {
  const text = headers.get('last-event-id')
  // A client that has not seen any id yet may send an empty one.
  if (text === null || text === '') return undefined
  const position = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(position)) return position
  throw invalidHeader('last-event-id', 'must be the id of an event in this stream, a position')
}
