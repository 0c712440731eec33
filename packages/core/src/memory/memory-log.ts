/** Events in memory, in the order of their positions. */

import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventBatch, EventPage } from '../event-store/event-store.ts'
import type { CheckedReadOptions } from '../event-store/event-store-options.ts'
import type { PreparedEvent } from '../event-store/prepare-append.ts'
import type { SubjectMatcher } from '../event-store/subject-pattern.ts'

/** What is kept of one event: its data as text, so that a reader can never change it. */
export interface StoredEvent {
  readonly envelope: Omit<DomainEventEnvelope, 'eventData'>
  readonly text: string
}

/** About how many characters of events' data are read at once: 8 MiB of most text. */
const mostTextAtOnce = 8 * 1024 * 1024

/** A log without gaps that may begin after any position. */
export class MemoryLog {
  readonly #events: StoredEvent[] = []
  readonly #startPosition: number

  /** @param startPosition the position before that of the first event */
  constructor(startPosition = 0) {
    this.#startPosition = startPosition
  }

  get headPosition(): number {
    return this.#startPosition + this.#events.length
  }

  /**
   * @param version the aggregate's before
   * @param timestamp ISO-8601, not before that of any event
   * @returns what is stored
   */
  append(
    { aggregateType, aggregateId }: AggregateRef,
    version: number,
    prepared: readonly PreparedEvent[],
    timestamp: string,
  ): readonly StoredEvent[] {
    const { headPosition } = this
    const added = prepared.map(({ eventId, eventType, schemaVersion, metadata, text }, index): StoredEvent => {
      const [sequence, position] = [version + index + 1, headPosition + index + 1]
      const place = { eventId, aggregateType, aggregateId, sequence, position, eventType, schemaVersion }
      return { envelope: { ...place, metadata: Object.freeze({ ...metadata }), timestamp }, text }
    })
    for (const event of added) this.#events.push(event)
    return added
  }

  readPage(wanted: CheckedReadOptions): EventPage {
    const events: DomainEventEnvelope[] = []
    let textLeft = mostTextAtOnce
    const start = this.#startPosition
    for (let index = Math.max(0, wanted.afterPosition - start); index < this.#events.length; index++) {
      const event = this.#events[index]
      if (event === undefined || !isWanted(event.envelope, wanted)) continue
      if (events.length === wanted.limit || textLeft <= 0) return { events, position: start + index, isEnd: false }
      events.push(toEnvelope(event))
      textLeft -= event.text.length
    }
    return { events, position: Math.max(wanted.afterPosition, this.headPosition), isEnd: true }
  }

  readBatch(matches: SubjectMatcher, afterPosition: number, batchSize: number): EventBatch {
    const index = Math.max(0, afterPosition - this.#startPosition)
    const run = this.#events.slice(index, index + batchSize)
    const found = run.filter(({ envelope }) => matches(envelope.aggregateType, envelope.eventType))
    const count = fitting(found)
    const last = count < found.length ? found[count - 1] : run.at(-1)
    return {
      events: found.slice(0, count).map(toEnvelope),
      position: Math.max(afterPosition, last?.envelope.position ?? 0),
    }
  }
}

/** @returns how many of these events are read at once: at least one, then as many as the text of their data allows */
export function fitting(events: readonly StoredEvent[]): number {
  let count = 0
  for (let textLeft = mostTextAtOnce; count < events.length && textLeft > 0; count++) {
    textLeft -= events[count]?.text.length ?? 0
  }
  return count
}

/** @returns the event as a reader gets it, with data of its own */
export function toEnvelope({ envelope, text }: StoredEvent): DomainEventEnvelope {
  return { ...envelope, eventData: JSON.parse(text) as unknown }
}

function isWanted(envelope: StoredEvent['envelope'], wanted: CheckedReadOptions): boolean {
  const { aggregateType, eventType, metadata, timestamp } = envelope
  const time = Date.parse(timestamp)
  return (
    (wanted.aggregateType === undefined || wanted.aggregateType === aggregateType) &&
    (wanted.correlationId === undefined || wanted.correlationId === metadata.correlationId) &&
    time >= wanted.fromTime &&
    time < wanted.beforeTime &&
    wanted.matchesSubject(aggregateType, eventType)
  )
}
