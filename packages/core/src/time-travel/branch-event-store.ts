/** An event store that goes its own way from a position on. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { ConcurrencyError } from '../errors/concurrency-errors.ts'
import { StoreClosedError } from '../errors/store-errors.ts'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope, NewEvent } from '../event-store/domain-event-envelope.ts'
import type {
  AppendOptions,
  AppendResult,
  CommandRecord,
  EventBatch,
  EventPage,
  EventStore,
  EventStoreLimits,
  LoadEventsOptions,
  ReadEventsOptions,
  SubscribeOptions,
} from '../event-store/event-store.ts'
import { checkLoadOptions, checkReadOptions, checkSubscribeOptions } from '../event-store/event-store-options.ts'
import { followLog, stoppable } from '../event-store/follow-log.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import { checkCommandRecord, type PreparedEvent, prepareAppend } from '../event-store/prepare-append.ts'
import { checkCommand, findRepeat } from '../event-store/repeats.ts'
import { Signal } from '../event-store/signal.ts'
import { subjectMatcher } from '../event-store/subject-pattern.ts'
import { createUuidGenerator } from '../event-store/uuid.ts'
import { fitting, MemoryLog, type StoredEvent, toEnvelope } from '../memory/memory-log.ts'
import { KeyedQueue } from '../write-side/keyed-queue.ts'
import { BranchBase } from './branch-base.ts'

/** Options of {@link BranchEventStore}. */
export interface BranchEventStoreOptions {
  /** Is read up to the position, and never written. */
  readonly eventStore: EventStore
  /** Where the branch begins; not beyond the newest event. */
  readonly position: number
  /** Time of the newest event up to there, ISO-8601: no event of the branch is earlier. */
  readonly newestTimestamp?: string
  /** Outcomes of commands that are recorded after this time are not known in the branch, ISO-8601; all are when left out. */
  readonly recordedUntil?: string
  /** The clock, milliseconds since 1970. */
  readonly now?: () => number
}

/** What the branch has added to one aggregate. */
interface OwnAggregate {
  /** The aggregate's version where the branch begins. */
  readonly pastVersion: number
  readonly events: StoredEvent[]
  readonly commands: Map<string, CommandRecord>
}

/** Shows the events of another store up to a position, and keeps its own after them in memory. */
export class BranchEventStore implements EventStore {
  readonly limits: EventStoreLimits
  /** Where the branch begins. */
  readonly basePosition: number
  readonly #base: BranchBase
  readonly #log: MemoryLog
  readonly #own = new Map<string, OwnAggregate>()
  readonly #appended = new Signal()
  /** What is done to an aggregate waits for what it was before, which may have to be read. */
  readonly #queue = new KeyedQueue()
  readonly #now: () => number
  readonly #newId: () => string
  #newestTime: number
  #isClosed = false

  constructor(options: BranchEventStoreOptions) {
    checkOptions('BranchEventStore', options, ['eventStore', 'position', 'newestTimestamp', 'recordedUntil', 'now'])
    checkWholeNumber('BranchEventStore', 'position', options.position, { least: 0 })
    this.#base = new BranchBase(options.eventStore, options.position, options.recordedUntil)
    this.limits = options.eventStore.limits
    this.basePosition = options.position
    this.#log = new MemoryLog(options.position)
    this.#now = options.now ?? Date.now
    this.#newId = createUuidGenerator(this.#now)
    this.#newestTime = options.newestTimestamp === undefined ? 0 : Date.parse(options.newestTimestamp)
  }

  async appendEvents(
    aggregate: AggregateRef,
    events: readonly NewEvent[],
    options: AppendOptions,
  ): Promise<AppendResult> {
    this.#assertOpen()
    const prepared = prepareAppend(aggregate, events, options, this.limits, this.#newId)
    const { expectedVersion, command } = options
    // The caller may change what it gave while this waits for its turn.
    const target = { ...aggregate }
    const kept = { expectedVersion, ...(command === undefined ? undefined : { command: { ...command } }) }
    return this.#queue.run(keyOf(target), () => this.#append(target, prepared, kept))
  }

  async #append(
    aggregate: AggregateRef,
    prepared: readonly PreparedEvent[],
    { expectedVersion: from, command }: AppendOptions,
  ): Promise<AppendResult> {
    const own = await this.#ownOf(aggregate)
    const known = command === undefined ? undefined : await this.#findCommand(aggregate, command.commandId)
    if (command !== undefined && known !== undefined) {
      checkCommand(aggregate, known, command)
      const { version, position, timestamp } = known
      return { events: await this.#eventsOf(aggregate, known), version, position, timestamp, isRepeat: true }
    }
    const version = own.pastVersion + own.events.length
    if (from !== 'any' && from !== version) {
      const present = await this.loadEvents(aggregate, { fromVersion: from + 1, toVersion: from + prepared.length })
      const repeat = findRepeat(aggregate, prepared, present)
      if (repeat !== undefined) return repeat
      throw new ConcurrencyError(aggregate.aggregateType, aggregate.aggregateId, from, version)
    }
    this.#assertOpen()
    this.#newestTime = Math.max(this.#newestTime, Math.floor(this.#now()))
    const timestamp = new Date(this.#newestTime).toISOString()
    const added = this.#log.append(aggregate, version, prepared, timestamp)
    for (const event of added) own.events.push(event)
    this.#own.set(keyOf(aggregate), own)
    const result = { version: version + added.length, position: this.#log.headPosition, timestamp }
    if (command !== undefined)
      own.commands.set(command.commandId, freeze({ ...command, status: 'Accepted', ...result }))
    this.#appended.notify()
    return { events: added.map(toEnvelope), ...result, isRepeat: false }
  }

  async loadEvents(aggregate: AggregateRef, options?: LoadEventsOptions): Promise<readonly DomainEventEnvelope[]> {
    this.#assertOpen()
    const { fromVersion, toVersion, limit } = checkLoadOptions(options)
    const own = this.#own.get(keyOf(aggregate))
    const pastVersion = own?.pastVersion ?? Number.MAX_SAFE_INTEGER
    const lastPast = Math.min(toVersion, pastVersion)
    const isLimited = options?.limit !== undefined
    const range = { fromVersion, toVersion: lastPast, ...(isLimited ? { limit } : undefined) }
    const past = fromVersion > lastPast ? [] : await this.#base.loadEvents(aggregate, range)
    const reached = past.at(-1)?.sequence ?? Math.min(fromVersion - 1, pastVersion)
    if (own === undefined || reached < pastVersion || past.length >= limit) return past
    const from = Math.max(fromVersion, pastVersion + 1) - pastVersion - 1
    const most = Math.max(0, toVersion - pastVersion)
    const wanted = own.events.slice(from, Math.min(most, from + limit - past.length))
    return [...past, ...(isLimited ? wanted.slice(0, fitting(wanted)) : wanted).map(toEnvelope)]
  }

  async readEvents(options?: ReadEventsOptions): Promise<EventPage> {
    this.#assertOpen()
    const wanted = checkReadOptions(options)
    if (wanted.afterPosition >= this.basePosition) return this.#log.readPage(wanted)
    const past = await this.#base.readEvents(options ?? {}, wanted.afterPosition)
    const limit = wanted.limit - past.events.length
    if (past.position < this.basePosition) {
      const isEnd = past.isEnd && this.#log.readPage({ ...wanted, limit: 0 }).isEnd
      return isEnd ? { ...past, position: this.#log.headPosition } : { ...past, isEnd }
    }
    const own = this.#log.readPage({ ...wanted, afterPosition: this.basePosition, limit })
    return { ...own, events: [...past.events, ...own.events] }
  }

  subscribe(subjectPatterns: string | readonly string[], options?: SubscribeOptions): AsyncIterable<EventBatch> {
    const matches = subjectMatcher(subjectPatterns)
    const { afterPosition, batchSize } = checkSubscribeOptions(options)
    const follow = (signal: AbortSignal): AsyncIterable<EventBatch> =>
      followLog({
        options: { afterPosition: Math.max(afterPosition, this.basePosition), batchSize, signal },
        appended: this.#appended,
        readBatch: (after, size) => {
          this.#assertOpen()
          return this.#log.readBatch(matches, after, size)
        },
      })
    const all = (signal: AbortSignal) => this.#subscribe(subjectPatterns, { afterPosition, batchSize, signal }, follow)
    return { [Symbol.asyncIterator]: () => stoppable(all, options) }
  }

  async *#subscribe(
    subjectPatterns: string | readonly string[],
    options: Required<SubscribeOptions>,
    follow: (signal: AbortSignal) => AsyncIterable<EventBatch>,
  ): AsyncGenerator<EventBatch> {
    this.#assertOpen()
    for await (const batch of this.#base.subscribe(subjectPatterns, options)) {
      yield batch
      this.#assertOpen()
    }
    yield* follow(options.signal)
  }

  async findCommand(aggregate: AggregateRef, commandId: string): Promise<CommandRecord | undefined> {
    this.#assertOpen()
    return this.#findCommand(aggregate, commandId)
  }

  async recordCommand(aggregate: AggregateRef, record: CommandRecord): Promise<CommandRecord> {
    this.#assertOpen()
    checkCommandRecord(aggregate, record)
    const [target, kept] = [{ ...aggregate }, freeze(record)]
    return this.#queue.run(keyOf(target), async () => {
      const own = await this.#ownOf(target)
      const known = await this.#findCommand(target, kept.commandId)
      if (known !== undefined) {
        checkCommand(target, known, kept)
        return known
      }
      this.#assertOpen()
      own.commands.set(kept.commandId, kept)
      this.#own.set(keyOf(target), own)
      return kept
    })
  }

  async headPosition(): Promise<number> {
    this.#assertOpen()
    return this.#log.headPosition
  }

  /** Leaves the other store open. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#appended.notify()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #findCommand(aggregate: AggregateRef, commandId: string): Promise<CommandRecord | undefined> {
    return this.#own.get(keyOf(aggregate))?.commands.get(commandId) ?? this.#base.findCommand(aggregate, commandId)
  }

  /** Is kept only when something is added. */
  async #ownOf(aggregate: AggregateRef): Promise<OwnAggregate> {
    const known = this.#own.get(keyOf(aggregate))
    if (known !== undefined) return known
    return { pastVersion: await this.#base.versionOf(aggregate), events: [], commands: new Map() }
  }

  /** @returns the events of a command, all of which are at its version or just before */
  async #eventsOf(aggregate: AggregateRef, { commandId, version }: CommandRecord) {
    const fromVersion = Math.max(1, version - this.limits.maxEventsPerAppend + 1)
    const events = await this.loadEvents(aggregate, { fromVersion, toVersion: version })
    return events.filter(({ metadata }) => metadata.commandId === commandId)
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StoreClosedError('The branch is closed. Open a new one.')
  }
}

function keyOf({ aggregateType, aggregateId }: AggregateRef): string {
  return `${aggregateType} ${aggregateId}`
}

/** @returns a copy that neither its writer nor its readers can change */
function freeze(record: CommandRecord): CommandRecord {
  const { reason } = record
  return deepFreeze(reason === undefined ? { ...record } : { ...record, reason: { ...reason } })
}
