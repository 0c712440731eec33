/** Reads across aggregates: batches for subscriptions, and pages by type, time and correlation. */

import {
  type CheckedReadOptions,
  type DomainEventEnvelope,
  type EventBatch,
  type EventPage,
  hashText,
  type SubjectMatcher,
} from '@cim/core'
import type { EventLog } from './event-log.ts'

/** How many events a batch of a selective pattern looks through at most, so that no reader holds up the others. */
const mostScanned = 20_000

/** Finds out how to read what is wanted with the fewest rows. */
export class EventLogReader {
  readonly #log: EventLog

  constructor(log: EventLog) {
    this.#log = log
  }

  /** @returns a function that reads the next batch after a position, of the events that match */
  createBatchReader(matches: SubjectMatcher): (afterPosition: number, batchSize: number) => EventBatch {
    const typesOf = this.#createTypeFilter(matches)
    return (afterPosition, batchSize) => {
      const { position: head } = this.#log
      if (afterPosition >= head) return { events: [], position: afterPosition }
      const types = typesOf()
      if (types === 'all') {
        const events = this.#log.readAfter(afterPosition, batchSize)
        return { events, position: events.at(-1)?.position ?? head }
      }
      const last = Math.min(head, afterPosition + mostScanned)
      const events = types === 'none' ? [] : this.#log.readTypesAfter(types, afterPosition, last, batchSize)
      return {
        events,
        position: events.length < batchSize ? (types === 'none' ? head : last) : (events.at(-1)?.position ?? last),
      }
    }
  }

  /** Recognises when every type matches, or none, and asks again only when a new type has come. */
  #createTypeFilter(matches: SubjectMatcher): () => string {
    let known = -1
    let filter = 'none'
    return () => {
      const { names } = this.#log
      if (known === names.eventTypeCount) return filter
      known = names.eventTypeCount
      const matching = [...names.eventTypes()].filter(({ aggregateType, eventType }) =>
        matches(aggregateType, eventType),
      )
      const keys = matching.map(({ key }) => key)
      filter = keys.length === known ? 'all' : keys.length === 0 ? 'none' : JSON.stringify(keys)
      return filter
    }
  }

  readPage(wanted: CheckedReadOptions): EventPage {
    const { position: head } = this.#log
    const first = wanted.fromTime === Number.NEGATIVE_INFINITY ? 1 : this.#log.firstPositionAt(wanted.fromTime)
    const last =
      wanted.beforeTime === Number.POSITIVE_INFINITY ? head : this.#log.firstPositionAt(wanted.beforeTime) - 1
    const after = Math.max(wanted.afterPosition, first - 1)
    const next = this.#chooseSource(wanted)
    const matches = (event: DomainEventEnvelope): boolean => isWanted(event, wanted)
    return collect(next, matches, {
      after,
      last: Math.min(last, head),
      limit: wanted.limit,
      end: Math.max(head, wanted.afterPosition),
    })
  }

  /** @returns a function that reads the next candidates after a position; fewer than asked for are all there are */
  #chooseSource(wanted: CheckedReadOptions): (after: number, limit: number) => readonly DomainEventEnvelope[] {
    const { aggregateType, correlationId } = wanted
    if (correlationId !== undefined) {
      const hash = hashText(correlationId)
      return (after, limit) => this.#log.readAt(this.#log.index.positionsOfCause(hash, after, limit))
    }
    if (aggregateType !== undefined) {
      const type = this.#log.names.findAggregateType(aggregateType)
      if (type === undefined) return () => []
      return (after, limit) => this.#log.readAt(this.#log.index.positionsOfType(type, after, limit))
    }
    return (after, limit) => this.#log.readAfter(after, limit)
  }
}

interface PageBounds {
  readonly after: number
  /** The last position that is wanted. */
  readonly last: number
  readonly limit: number
  /** The position of a page that found everything. */
  readonly end: number
}

function collect(
  next: (after: number, limit: number) => readonly DomainEventEnvelope[],
  isMatch: (event: DomainEventEnvelope) => boolean,
  { after, last, limit, end }: PageBounds,
): EventPage {
  const events: DomainEventEnvelope[] = []
  const pageSize = Math.min(1000, limit + 1)
  for (let position = after; position < last; ) {
    const candidates = next(position, pageSize)
    for (const event of candidates) {
      if (event.position > last) return { events, position: end, isEnd: true }
      if (isMatch(event)) {
        if (events.length === limit) return { events, position: events.at(-1)?.position ?? position, isEnd: false }
        events.push(event)
      }
      position = event.position
    }
    if (candidates.length < pageSize) break
  }
  return { events, position: end, isEnd: true }
}

function isWanted(
  event: DomainEventEnvelope,
  { aggregateType, correlationId, matchesSubject }: CheckedReadOptions,
): boolean {
  return (
    (aggregateType === undefined || aggregateType === event.aggregateType) &&
    (correlationId === undefined || correlationId === event.metadata.correlationId) &&
    matchesSubject(event.aggregateType, event.eventType)
  )
}
