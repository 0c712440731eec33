/** Reads the log across aggregates, in the order of positions. */

import type { CheckedReadOptions, DomainEventEnvelope, EventBatch, EventPage, SubjectMatcher } from '@cim/core'
import { decodeEvent, type StoredMessage } from '../messages/event-message.ts'
import { isEventSubject, parseEventSubject } from '../messages/event-subject.ts'
import type { Patience } from '../server/patience.ts'
import type { LogSource } from './log-source.ts'
import { mostBytesAtOnce } from './stream-source.ts'

/** A stretch of the log. */
export interface LogStretch extends EventBatch {
  /** Where to read on: outcomes of commands stand in the stream, too, and are no events. */
  readonly cursor: number
}

const mostMessages = 1000

/** Takes from what stands in a log the events that are wanted. */
export class LogReader {
  readonly #source: LogSource
  readonly #prefix: string

  /** @param prefix before the subjects of the messages that the source gives */
  constructor(source: LogSource, prefix: string) {
    this.#source = source
    this.#prefix = prefix
  }

  /** @returns up to so many events after a position; an unchanged cursor means that there is nothing more for now */
  async readStretch(
    matches: SubjectMatcher,
    cursor: number,
    batchSize: number,
    patience: Patience,
  ): Promise<LogStretch> {
    const run = await patience.during('reading the log', () => this.#source.read(cursor, batchSize))
    const events: DomainEventEnvelope[] = []
    let position = 0
    for (const message of run.messages) {
      const parts = parseEventSubject(this.#prefix, message.subject)
      if (parts === undefined) continue
      position = message.sequence
      if (!matches(parts.aggregateType, parts.eventType)) continue
      const event = decodeEvent(this.#prefix, message)
      if (event !== undefined) events.push(event.envelope)
    }
    return { events, position: run.endsWithEvent ? run.end : position, cursor: run.end }
  }

  async readPage(wanted: CheckedReadOptions, patience: Patience): Promise<EventPage> {
    const events: DomainEventEnvelope[] = []
    let cursor = wanted.afterPosition
    let newestEvent = 0
    let bytesLeft = mostBytesAtOnce
    // Where few are wanted, few are read, as long as they are found.
    let count = Math.min(wanted.limit + 1, mostMessages)
    for (let end: number | undefined; ; count = Math.min(count * 4, mostMessages)) {
      const run = await patience.during('reading the log', () => this.#source.read(cursor, count))
      for (const message of run.messages) {
        const event = this.#wanted(message, wanted)
        if (event !== undefined) {
          if (events.length === wanted.limit || bytesLeft <= 0) return { events, position: cursor, isEnd: false }
          events.push(event)
          bytesLeft -= message.data.length
        }
        cursor = message.sequence
        if (isEventSubject(this.#prefix, message.subject)) newestEvent = cursor
      }
      const hasMore = run.messages.length > 0 || run.end > cursor
      cursor = run.end
      if (run.endsWithEvent) newestEvent = run.end
      if (hasMore) continue
      // The leader alone knows whether there is more than this replica has.
      end ??= await this.#source.position(patience)
      if (cursor >= end) return { events, position: Math.max(wanted.afterPosition, end, newestEvent), isEnd: true }
      await patience.wait('reading the log up to its end', `a replica ends at ${cursor}, the log at ${end}`)
    }
  }

  /** @throws {StoreCorruptError} when the log ends before a position that was read */
  checkIsStored(position: number, patience: Patience): Promise<void> {
    return this.#source.checkIsStored(position, patience)
  }

  #wanted(message: StoredMessage, wanted: CheckedReadOptions): DomainEventEnvelope | undefined {
    const parts = parseEventSubject(this.#prefix, message.subject)
    if (parts === undefined) return undefined
    if (wanted.aggregateType !== undefined && wanted.aggregateType !== parts.aggregateType) return undefined
    if (!wanted.matchesSubject(parts.aggregateType, parts.eventType)) return undefined
    const event = decodeEvent(this.#prefix, message)?.envelope
    if (event === undefined) return undefined
    if (wanted.correlationId !== undefined && wanted.correlationId !== event.metadata.correlationId) return undefined
    const time = Date.parse(event.timestamp)
    return time >= wanted.fromTime && time < wanted.beforeTime ? event : undefined
  }
}
