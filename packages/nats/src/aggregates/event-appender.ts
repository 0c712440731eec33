/** Appends events and outcomes of commands at exactly the version that the writer has seen. */

import {
  type AggregateRef,
  type AppendOptions,
  type AppendResult,
  type CommandRecord,
  ConcurrencyError,
  checkCommand,
  findRepeat,
  hasErrorCode,
  KeyedQueue,
  type PreparedEvent,
  StoreUnavailableError,
} from '@cim/core'
import { eventHeaders } from '../messages/event-headers.ts'
import { encodeEvent, type StoredEvent } from '../messages/event-message.ts'
import { AggregateSubjects } from '../messages/event-subject.ts'
import { encodeOutcome } from '../messages/outcome-message.ts'
import type { Patience } from '../server/patience.ts'
import type { NewMessage, Publisher, PublishOutcome } from '../server/publisher.ts'
import { AggregateHead, type KnownCommand } from './aggregate-head.ts'
import type { AggregateReader } from './aggregate-reader.ts'
import { type HeadLoader, keyOf } from './head-loader.ts'
import type { StampClock } from './stamp-clock.ts'

/** What {@link EventAppender} works with. */
export interface EventAppenderParts {
  readonly publisher: Publisher
  readonly loader: HeadLoader
  readonly reader: AggregateReader
  readonly clock: StampClock
  readonly prefix: string
  readonly newPatience: () => Patience
  /** Is told the position of each event that was stored. */
  readonly stored: (position: number) => void
}

/** An append on its way. */
class Append {
  readonly aggregate: AggregateRef
  /** Names the aggregate in maps. */
  readonly key: string
  readonly prepared: readonly PreparedEvent[]
  readonly options: AppendOptions
  /** The version at which a message was sent of which it is not known whether it was stored. */
  unknownAt: number | undefined = undefined

  constructor(aggregate: AggregateRef, prepared: readonly PreparedEvent[], options: AppendOptions) {
    this.aggregate = aggregate
    this.key = keyOf(aggregate)
    this.prepared = prepared
    this.options = options
  }
}

/** Appends to one aggregate run one after the other, to different ones side by side. */
export class EventAppender {
  readonly #parts: EventAppenderParts
  readonly #queue = new KeyedQueue()

  constructor(parts: EventAppenderParts) {
    this.#parts = parts
  }

  /** Appends as the port says, and settles what is unknown after a lost answer by what is stored. */
  append(aggregate: AggregateRef, prepared: readonly PreparedEvent[], options: AppendOptions): Promise<AppendResult> {
    const append = new Append(aggregate, prepared, options)
    return this.#queue.run(append.key, () => this.#append(append))
  }

  /** One function from the call to the answer: each promise between them would be felt. */
  async #append(append: Append): Promise<AppendResult> {
    const { aggregate, prepared, options } = append
    const { loader, clock, stored } = this.#parts
    try {
      const patience = this.#parts.newPatience()
      for (let isFresh = false; ; ) {
        const head = this.#knownHead(append) ?? (await this.#loadHead(append, patience))
        const first = mayBeRepeat(append, head) ? await this.#findFirst(append, head, patience) : undefined
        if (first !== undefined) return first
        const { version } = head
        if (options.expectedVersion !== 'any' && options.expectedVersion !== version) {
          if (isFresh) throw conflict(aggregate, options.expectedVersion, version)
          // What is in memory may be older than what another process has stored, a repeat of this command perhaps.
          isFresh = true
          await loader.refresh(aggregate, head, patience)
          continue
        }
        const timestamp = clock.stamp()
        let outcome: PublishOutcome | undefined
        try {
          outcome = await this.#publish(append, head, timestamp)
        } finally {
          clock.settle(timestamp, outcome !== undefined && outcome.kind !== 'refused')
        }
        if (outcome.kind === 'stored') {
          const events = storedEvents(append, version, timestamp, outcome.sequence)
          head.takeOwnEvents(events)
          loader.keep(append.key, head)
          stored(outcome.sequence)
          return resultOf(events, false)
        }
        const doing = `appending ${prepared.length} events to ${aggregate.aggregateType}`
        if (outcome.kind === 'unknown') {
          if (outcome.cause.isSent) append.unknownAt = version
          await patience.wait(doing, outcome.cause)
        }
        isFresh = await loader.refresh(aggregate, head, patience)
        // Another writer's message is still on its way through the replicas.
        if (outcome.kind === 'refused' && !isFresh) await patience.wait(doing, 'another append is under way')
      }
    } catch (error) {
      if (append.unknownAt === undefined || !hasErrorCode(error, 'store-unavailable')) throw error
      throw unknownOutcome(aggregate, error)
    }
  }

  /** @returns a head in memory on which the append can be judged */
  #knownHead({ aggregate, key, options }: Append): AggregateHead | undefined {
    const { loader, prefix } = this.#parts
    const { expectedVersion, command } = options
    const head = loader.find(key)
    if (head !== undefined) return command === undefined || head.isEnoughFor(command.commandId) ? head : undefined
    // Whoever creates an aggregate is right most of the time; if not, its version check fails, and then it is loaded.
    return expectedVersion === 0 ? new AggregateHead(subjectsOf(prefix, aggregate), true) : undefined
  }

  #loadHead({ aggregate, options }: Append, patience: Patience): Promise<AggregateHead> {
    const { loader, prefix } = this.#parts
    return loader.load(aggregate, subjectsOf(prefix, aggregate), options.command?.commandId, patience)
  }

  /** @returns the result when the same was appended before */
  async #findFirst(append: Append, head: AggregateHead, patience: Patience): Promise<AppendResult | undefined> {
    const { aggregate, prepared, options, unknownAt } = append
    const { expectedVersion, command } = options
    const known = command === undefined ? undefined : head.findCommand(command.commandId)
    if (command !== undefined && known !== undefined) {
      checkCommand(aggregate, known.record, command)
      const { record, firstVersion } = known
      const events = firstVersion === 0 ? [] : await this.#load(head, firstVersion, record.version, patience)
      const isOwn = unknownAt !== undefined && events[0]?.envelope.eventId === prepared[0]?.eventId
      const { version, position, timestamp } = record
      return { events: events.map(({ envelope }) => envelope), version, position, timestamp, isRepeat: !isOwn }
    }
    const from = expectedVersion === 'any' ? unknownAt : expectedVersion
    if (from === undefined || from >= head.version) return undefined
    const present = await this.#load(head, from + 1, Math.min(from + prepared.length, head.version), patience)
    const envelopes = present.map(({ envelope }) => envelope)
    const repeat = findRepeat(aggregate, prepared, envelopes)
    // Others have taken the place: what was sent there can no longer be stored.
    if (repeat === undefined) append.unknownAt = undefined
    return repeat && { ...repeat, isRepeat: unknownAt !== from }
  }

  #load(head: AggregateHead, from: number, to: number, patience: Patience): Promise<readonly StoredEvent[]> {
    const range = { from, to, known: to, mostBytes: Number.MAX_SAFE_INTEGER }
    return patience.during('loading events', () => this.#parts.reader.range(head.subjects, range))
  }

  #publish({ aggregate, prepared, options }: Append, head: AggregateHead, timestamp: string): Promise<PublishOutcome> {
    const { publisher } = this.#parts
    const { version, guard, subjects } = head
    const messages = prepared.map((event, index): NewMessage => {
      const sequence = version + index + 1
      return {
        subject: subjects.event(event.eventType, sequence),
        body: encodeEvent(aggregate, event, sequence, timestamp, options.command),
        slot: subjects.slot(sequence),
        newest: index === 0 ? guard : 0,
        headers: eventHeaders(aggregate, event),
      }
    })
    const [only] = messages
    return messages.length === 1 && only !== undefined ? publisher.publish(only) : publisher.publishAll(messages)
  }

  /** Remembers the outcome of a command without events, unless the aggregate has seen the command. */
  record(aggregate: AggregateRef, record: CommandRecord): Promise<KnownCommand> {
    return this.#queue.run(keyOf(aggregate), () => this.#record(aggregate, record))
  }

  async #record(aggregate: AggregateRef, record: CommandRecord): Promise<KnownCommand> {
    const { loader, publisher, prefix } = this.#parts
    const patience = this.#parts.newPatience()
    const subjects = subjectsOf(prefix, aggregate)
    for (;;) {
      const head = await loader.load(aggregate, subjects, record.commandId, patience)
      const known = head.findCommand(record.commandId)
      if (known !== undefined) {
        checkCommand(aggregate, known.record, record)
        return known
      }
      const slot = head.version + 1
      const subject = subjects.outcome(record.commandId, slot)
      const body = encodeOutcome(record)
      const outcome = await publisher.publish({ subject, body, slot: subjects.slot(slot), newest: head.guard })
      if (outcome.kind === 'stored') {
        const { reason } = record
        const kept = reason === undefined ? record : { ...record, reason: Object.freeze({ ...reason }) }
        head.takeOwnOutcome(Object.freeze({ ...kept }), subject, outcome.sequence, slot)
        loader.keep(keyOf(aggregate), head)
        return head.findCommand(record.commandId) ?? { record, firstVersion: 0 }
      }
      const cause = outcome.kind === 'unknown' ? outcome.cause : 'another append is under way'
      await patience.wait('recording the outcome of a command', cause)
      await loader.refresh(aggregate, head, patience)
    }
  }
}

/** Looks before it is asked for: most appends are none. */
function mayBeRepeat({ options, unknownAt }: Append, head: AggregateHead): boolean {
  const { expectedVersion, command } = options
  if (command !== undefined && head.findCommand(command.commandId) !== undefined) return true
  const from = expectedVersion === 'any' ? unknownAt : expectedVersion
  return from !== undefined && from < head.version
}

/** @param position that of the last of them */
function storedEvents(
  { aggregate: { aggregateType, aggregateId }, prepared, options }: Append,
  version: number,
  timestamp: string,
  position: number,
): readonly StoredEvent[] {
  const fingerprint = options.command?.fingerprint
  const before = position - prepared.length
  return prepared.map(({ eventId, eventType, schemaVersion, eventData, metadata }, index) => ({
    envelope: {
      eventId,
      aggregateType,
      aggregateId,
      sequence: version + index + 1,
      position: before + index + 1,
      eventType,
      schemaVersion,
      eventData,
      metadata,
      timestamp,
    },
    fingerprint,
  }))
}

function subjectsOf(prefix: string, aggregate: AggregateRef): AggregateSubjects {
  return AggregateSubjects.of(prefix, aggregate) ?? missing()
}

function resultOf(events: readonly StoredEvent[], isRepeat: boolean): AppendResult {
  const { sequence: version, position, timestamp } = events.at(-1)?.envelope ?? missing()
  return { events: events.map(({ envelope }) => envelope), version, position, timestamp, isRepeat }
}

function conflict({ aggregateType, aggregateId }: AggregateRef, expected: number, actual: number): Error {
  return new ConcurrencyError(aggregateType, aggregateId, expected, actual)
}

function unknownOutcome({ aggregateType, aggregateId }: AggregateRef, cause: Error): Error {
  return new StoreUnavailableError(
    `JetStream: an append to ${aggregateType} ${JSON.stringify(aggregateId)} was sent, no answer came, and what is stored could not be ` +
      'read: whether its events are stored is not known. Repeat it with the same command or the same event ids and ' +
      `the same expected version: that is safe, and stores them once. ${cause.message}`,
    { cause },
  )
}

function missing(): never {
  throw new Error('This cannot be: the arguments were checked before.')
}
