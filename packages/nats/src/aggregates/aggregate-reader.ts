/** Reads the messages of one aggregate. */

import type { CommandRecord } from '@cim/core'
import { StoreCorruptError } from '@cim/core'
import { decodeEvent, type StoredEvent, type StoredMessage } from '../messages/event-message.ts'
import type { AggregateSubjects } from '../messages/event-subject.ts'
import { decodeOutcome } from '../messages/outcome-message.ts'
import { type DirectReader, mostSubjects, tooMany } from '../server/direct-reader.ts'
import { NoAnswer } from '../server/inbox.ts'

/** An outcome and where it stands. */
export interface StoredOutcome {
  readonly record: CommandRecord
  readonly sequence: number
  readonly slot: number
}

/** All messages of an aggregate. */
export interface WholeAggregate {
  readonly events: readonly StoredEvent[]
  readonly outcomes: readonly StoredOutcome[]
}

/** A range of versions to read. */
export interface VersionRange {
  readonly from: number
  readonly to: number
  /** What is known to be stored: a replica that has less is asked again. */
  readonly known: number
  /** About how many bytes to read; the first events only when there are more. */
  readonly mostBytes: number
}

const firstWindow = 32
const widestWindow = 1000
/** How much of a request the filters may take: a server accepts 1 MiB. */
const mostFilterBytes = 262_144
const everyByte = Number.MAX_SAFE_INTEGER
/** One reply must not take so long that its sender gives up, or hold up all others. */
const bytesPerReply = 8 * 1024 * 1024

/** Each call throws a {@link NoAnswer} when a reply is missing or not whole, or a replica is behind what is known. */
export class AggregateReader {
  readonly #direct: DirectReader
  readonly #prefix: string

  constructor(direct: DirectReader, prefix: string) {
    this.#direct = direct
    this.#prefix = prefix
  }

  /** @returns everything at one moment, or {@link tooMany}: then read ranges */
  async whole(subjects: AggregateSubjects, known: number): Promise<WholeAggregate | typeof tooMany> {
    const messages = await this.#read([subjects.events, subjects.outcomes])
    if (messages === tooMany) return tooMany
    const events: StoredEvent[] = []
    const outcomes: StoredOutcome[] = []
    for (const message of messages) {
      const event = decodeEvent(this.#prefix, message)
      if (event === undefined) outcomes.push(toOutcome(message))
      else events.push(event)
    }
    checkRun(events, 1)
    if (events.length < known) throw behind(known, events.length)
    return { events, outcomes }
  }

  /** @returns the events of a range as far as they exist */
  async range(subjects: AggregateSubjects, { from, to, known, mostBytes }: VersionRange): Promise<StoredEvent[]> {
    const events: StoredEvent[] = []
    const mostFilters = Math.max(1, Math.floor(mostFilterBytes / (subjects.eventAt(to).length + 3)))
    let size = firstWindow
    for (let next = from, bytes = 0; next <= to && bytes < mostBytes; ) {
      // What is known to be there needs no careful start.
      if (known >= next) size = Math.max(size, Math.min(known - next + 1, widestWindow))
      const last = Math.min(to, next + Math.min(size, widestWindow, mostFilters) - 1)
      const window = await this.#window(subjects, { from: next, to: last, known, mostBytes: mostBytes - bytes })
      events.push(...window.events)
      bytes += window.bytes
      if (window.events.length <= last - next) break
      next = last + 1
      size *= 2
    }
    return events
  }

  /**
   * @param proof a subject that a replica must have to be new enough
   * @param filter which outcomes
   * @returns the outcomes, or {@link tooMany}
   */
  async outcomes(filter: string, proof: string | undefined): Promise<readonly StoredOutcome[] | typeof tooMany> {
    const messages = await this.#read(proof === undefined ? [filter] : [filter, proof])
    if (messages === tooMany) return tooMany
    const isProof = (message: StoredMessage): boolean => message.subject === proof || isAtEvent(message, proof)
    if (proof !== undefined && !messages.some(isProof)) throw new NoAnswer('a replica is behind the others', true)
    return messages.filter(({ subject }) => isOutcome(this.#prefix, subject)).map(toOutcome)
  }

  async #window(subjects: AggregateSubjects, { from, to, known, mostBytes }: VersionRange) {
    const filters = Array.from({ length: to - from + 1 }, (_, offset) => subjects.eventAt(from + offset))
    const messages = await this.#read(filters, mostBytes)
    // Each filter stands for one event.
    if (messages === tooMany) throw new StoreCorruptError(`Several events have the subject ${subjects.eventAt(from)}.`)
    const events: StoredEvent[] = []
    let bytes = 0
    for (const message of messages) {
      const event = decodeEvent(this.#prefix, message)
      if (event === undefined) continue
      events.push(event)
      bytes += message.data.length
    }
    checkRun(events, from)
    const [wanted, found] = [Math.min(to, known), from + events.length - 1]
    if (found < wanted && bytes < mostBytes) throw behind(wanted, found)
    return { events, bytes }
  }

  /** @param mostBytes the first messages only when there are more */
  async #read(filters: readonly string[], mostBytes = everyByte): Promise<readonly StoredMessage[] | typeof tooMany> {
    const messages: StoredMessage[] = []
    let bytesLeft = mostBytes
    for (let start: { readonly seq: number; readonly up_to_seq: number } | undefined; ; ) {
      const request = { multi_last: filters, batch: mostSubjects, max_bytes: Math.min(bytesLeft, bytesPerReply) }
      const run = await this.#direct.get({ ...request, ...start })
      if (run === tooMany) return tooMany
      for (const message of run.messages) {
        messages.push(message)
        bytesLeft -= message.data.length
      }
      const last = run.messages.at(-1)
      if (!run.isCut || last === undefined || bytesLeft <= 0) return messages
      start = { seq: last.sequence + 1, up_to_seq: start?.up_to_seq ?? run.upTo }
    }
  }
}

function toOutcome(message: StoredMessage): StoredOutcome {
  const slot = Number(message.subject.slice(message.subject.lastIndexOf('.') + 1))
  return { record: decodeOutcome(message), sequence: message.sequence, slot }
}

function isOutcome(prefix: string, subject: string): boolean {
  return subject.startsWith(`${prefix}outcomes.`)
}

/** The proof may be a filter for an event whose type is not known. */
function isAtEvent({ subject }: StoredMessage, proof: string | undefined): boolean {
  if (proof === undefined || !proof.includes('.*.')) return false
  const [start = '', end = ''] = proof.split('.*.')
  return subject.startsWith(`${start}.`) && subject.endsWith(`.${end}`)
}

function behind(wanted: number, found: number): NoAnswer {
  return new NoAnswer(`a replica has ${found} of ${wanted} events that are known`, true)
}

/** @throws {StoreCorruptError} when one is missing or out of its place */
function checkRun(events: readonly StoredEvent[], first: number): void {
  for (const [offset, { envelope }] of events.entries()) {
    if (envelope.sequence === first + offset) continue
    const { aggregateType, aggregateId } = envelope
    throw new StoreCorruptError(
      `JetStream: ${aggregateType} ${JSON.stringify(aggregateId)} has no event ${first + offset}, but it has event ${envelope.sequence}. ` +
        'Messages were deleted or written by others. Restore the stream from a backup from before.',
    )
  }
}
