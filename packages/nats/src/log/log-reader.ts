/** Reads the log across aggregates, in the order of positions. */

import {
  type CheckedReadOptions,
  type DomainEventEnvelope,
  type EventBatch,
  type EventPage,
  StoreCorruptError,
  type SubjectMatcher,
} from '@cim/core'
import { decodeEvent, type StoredMessage } from '../messages/event-message.ts'
import { isEventSubject, parseEventSubject } from '../messages/event-subject.ts'
import { type DirectReader, tooMany } from '../server/direct-reader.ts'
import { NoAnswer } from '../server/inbox.ts'
import type { Patience } from '../server/patience.ts'
import type { LogHead } from './log-head.ts'

/** What {@link LogReader} works with. */
export interface LogReaderParts {
  readonly direct: DirectReader
  readonly head: LogHead
  readonly prefix: string
}

/** A stretch of the log. */
export interface LogStretch extends EventBatch {
  /** Where to read on: outcomes of commands stand in the stream, too, and are no events. */
  readonly cursor: number
}

const mostMessages = 1000
/** About how many bytes of messages are read at once. */
const mostBytesAtOnce = 8 * 1024 * 1024

/** Works on replicas, each of which has a beginning of the log without a gap. */
export class LogReader {
  readonly #parts: LogReaderParts

  constructor(parts: LogReaderParts) {
    this.#parts = parts
  }

  /** @returns up to so many events after a place of the stream; an unchanged cursor means that there is nothing more for now */
  async readStretch(
    matches: SubjectMatcher,
    cursor: number,
    batchSize: number,
    patience: Patience,
  ): Promise<LogStretch> {
    const messages = await patience.during('reading the log', () => this.#read(cursor, batchSize))
    const events: DomainEventEnvelope[] = []
    let position = 0
    for (const message of messages) {
      const parts = parseEventSubject(this.#parts.prefix, message.subject)
      if (parts === undefined) continue
      position = message.sequence
      if (!matches(parts.aggregateType, parts.eventType)) continue
      const event = decodeEvent(this.#parts.prefix, message)
      if (event !== undefined) events.push(event.envelope)
    }
    return { events, position, cursor: messages.at(-1)?.sequence ?? cursor }
  }

  async readPage(wanted: CheckedReadOptions, patience: Patience): Promise<EventPage> {
    const events: DomainEventEnvelope[] = []
    let cursor = wanted.afterPosition
    let newestEvent = 0
    let bytesLeft = mostBytesAtOnce
    // Where few are wanted, few are read, as long as they are found.
    let count = Math.min(wanted.limit + 1, mostMessages)
    for (let end: number | undefined; ; count = Math.min(count * 4, mostMessages)) {
      const messages = await patience.during('reading the log', () => this.#read(cursor, count))
      for (const message of messages) {
        const event = this.#wanted(message, wanted)
        if (event !== undefined) {
          if (events.length === wanted.limit || bytesLeft <= 0) return { events, position: cursor, isEnd: false }
          events.push(event)
          bytesLeft -= message.data.length
        }
        cursor = message.sequence
        if (isEventSubject(this.#parts.prefix, message.subject)) newestEvent = cursor
      }
      if (messages.length > 0) continue
      // The leader alone knows whether there is more than this replica has.
      end ??= await this.#parts.head.position(patience)
      if (cursor >= end) return { events, position: Math.max(wanted.afterPosition, end, newestEvent), isEnd: true }
      await patience.wait('reading the log up to its end', `a replica ends at ${cursor}, the log at ${end}`)
    }
  }

  /** @throws {StoreCorruptError} when the log ends before a place that was read */
  async checkIsStored(sequence: number, patience: Patience): Promise<void> {
    const end = await this.#parts.head.newestSequence(patience)
    if (end >= sequence) return
    throw new StoreCorruptError(
      `JetStream: the log was read up to ${sequence}, and now ends at ${end}. The servers have lost events that they had acknowledged: ` +
        'they lost power without `sync_interval: always`, or were restored from an older copy. Stop, and restore what was lost or build everything anew.',
    )
  }

  #wanted(message: StoredMessage, wanted: CheckedReadOptions): DomainEventEnvelope | undefined {
    const { prefix } = this.#parts
    const parts = parseEventSubject(prefix, message.subject)
    if (parts === undefined) return undefined
    if (wanted.aggregateType !== undefined && wanted.aggregateType !== parts.aggregateType) return undefined
    if (!wanted.matchesSubject(parts.aggregateType, parts.eventType)) return undefined
    const event = decodeEvent(prefix, message)?.envelope
    if (event === undefined) return undefined
    if (wanted.correlationId !== undefined && wanted.correlationId !== event.metadata.correlationId) return undefined
    const time = Date.parse(event.timestamp)
    return time >= wanted.fromTime && time < wanted.beforeTime ? event : undefined
  }

  /** @throws {NoAnswer} when a replica does not answer, or lacks what the leader has in between */
  async #read(after: number, count: number): Promise<readonly StoredMessage[]> {
    const run = await this.#parts.direct.get({ seq: after + 1, batch: count, max_bytes: mostBytesAtOnce })
    if (run === tooMany) throw new NoAnswer('a server refused to read so many messages', true)
    let before = after
    for (const { sequence } of run.messages) {
      if (sequence !== before + 1 && (await this.#parts.head.isStored(before + 1))) {
        throw new NoAnswer(`a replica lacks message ${before + 1}, which the leader has`, true)
      }
      before = sequence
    }
    return run.messages
  }
}
