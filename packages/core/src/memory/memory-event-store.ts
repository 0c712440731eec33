/** An event store in memory, with every guarantee but durability. Read it first to write your own. */

import { checkOptions } from '../errors/check-options.ts'
import { ConcurrencyError } from '../errors/concurrency-errors.ts'
import { InvalidOptionError } from '../errors/input-errors.ts'
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
import { checkLoadOptions, checkReadOptions, defaultLimits } from '../event-store/event-store-options.ts'
import { followLog } from '../event-store/follow-log.ts'
import { checkCommandRecord, type PreparedEvent, prepareAppend } from '../event-store/prepare-append.ts'
import { checkCommand, findRepeat } from '../event-store/repeats.ts'
import { Signal } from '../event-store/signal.ts'
import { subjectMatcher } from '../event-store/subject-pattern.ts'
import { createUuidGenerator } from '../event-store/uuid.ts'
import { fitting, MemoryLog, type StoredEvent, toEnvelope } from './memory-log.ts'

/** Options of {@link MemoryEventStore}. */
export interface MemoryEventStoreOptions {
  /** The clock, milliseconds since 1970. */
  readonly now?: () => number
  /** Makes event ids. */
  readonly newId?: () => string
  readonly limits?: Partial<EventStoreLimits>
}

interface StoredAggregate {
  readonly events: StoredEvent[]
  readonly commands: Map<string, CommandRecord>
}

/** The last millisecond that a Date can hold. */
const lastTime = 8.64e15

/** Keeps everything in arrays, gone when the process ends. */
export class MemoryEventStore implements EventStore {
  readonly limits: EventStoreLimits
  readonly #log: MemoryLog = new MemoryLog()
  readonly #aggregates = new Map<string, StoredAggregate>()
  readonly #appended = new Signal()
  readonly #now: () => number
  readonly #newId: () => string
  #newestTime = 0
  #isClosed = false

  constructor(options?: MemoryEventStoreOptions) {
    checkOptions('MemoryEventStore', options, ['now', 'newId', 'limits'])
    this.#now = options?.now ?? Date.now
    this.#newId = options?.newId ?? createUuidGenerator(this.#now)
    this.limits = { ...defaultLimits, ...options?.limits }
  }

  async appendEvents(
    aggregate: AggregateRef,
    events: readonly NewEvent[],
    options: AppendOptions,
  ): Promise<AppendResult> {
    this.#assertOpen()
    const prepared = prepareAppend(aggregate, events, options, this.limits, this.#newId)
    const stored = this.#aggregates.get(keyOf(aggregate))
    const version = stored?.events.length ?? 0
    const known = options.command === undefined ? undefined : stored?.commands.get(options.command.commandId)
    if (options.command !== undefined && known !== undefined) {
      checkCommand(aggregate, known, options.command)
      const { version, position, timestamp } = known
      return { events: this.#eventsOf(stored, known.commandId), version, position, timestamp, isRepeat: true }
    }
    if (options.expectedVersion !== 'any' && options.expectedVersion !== version) {
      const from = options.expectedVersion
      const present = stored?.events.slice(from, from + prepared.length).map(toEnvelope) ?? []
      const repeat = findRepeat(aggregate, prepared, present)
      if (repeat !== undefined) return repeat
      throw new ConcurrencyError(aggregate.aggregateType, aggregate.aggregateId, from, version)
    }
    return this.#store(aggregate, prepared, options)
  }

  #store(aggregate: AggregateRef, prepared: readonly PreparedEvent[], { command }: AppendOptions): AppendResult {
    this.#newestTime = Math.max(this.#newestTime, checkClock(this.#now()))
    const stored = this.#open(aggregate)
    const timestamp = new Date(this.#newestTime).toISOString()
    const added = this.#log.append(aggregate, stored.events.length, prepared, timestamp)
    for (const event of added) stored.events.push(event)
    const { length: version } = stored.events
    const { headPosition: position } = this.#log
    if (command !== undefined)
      stored.commands.set(
        command.commandId,
        Object.freeze({ ...command, status: 'Accepted', version, position, timestamp }),
      )
    this.#appended.notify()
    const stamped = added.map(({ envelope }, index) => ({ ...envelope, eventData: prepared[index]?.eventData }))
    return { events: stamped, version, position, timestamp, isRepeat: false }
  }

  async loadEvents(aggregate: AggregateRef, options?: LoadEventsOptions): Promise<readonly DomainEventEnvelope[]> {
    this.#assertOpen()
    const { fromVersion, toVersion, limit } = checkLoadOptions(options)
    const from = fromVersion - 1
    const events = this.#aggregates.get(keyOf(aggregate))?.events ?? []
    const wanted = events.slice(from, Math.min(toVersion, from + limit))
    return (options?.limit === undefined ? wanted : wanted.slice(0, fitting(wanted))).map(toEnvelope)
  }

  async readEvents(options?: ReadEventsOptions): Promise<EventPage> {
    this.#assertOpen()
    return this.#log.readPage(checkReadOptions(options))
  }

  subscribe(subjectPatterns: string | readonly string[], options?: SubscribeOptions): AsyncIterable<EventBatch> {
    const matches = subjectMatcher(subjectPatterns)
    return followLog({
      options,
      appended: this.#appended,
      readBatch: (afterPosition, batchSize) => {
        this.#assertOpen()
        return this.#log.readBatch(matches, afterPosition, batchSize)
      },
    })
  }

  async findCommand(aggregate: AggregateRef, commandId: string): Promise<CommandRecord | undefined> {
    this.#assertOpen()
    return this.#aggregates.get(keyOf(aggregate))?.commands.get(commandId)
  }

  async recordCommand(aggregate: AggregateRef, record: CommandRecord): Promise<CommandRecord> {
    this.#assertOpen()
    checkCommandRecord(aggregate, record)
    const { commands } = this.#open(aggregate)
    const known = commands.get(record.commandId)
    if (known !== undefined) {
      checkCommand(aggregate, known, record)
      return known
    }
    const { reason } = record
    const kept = Object.freeze({
      ...record,
      ...(reason === undefined ? undefined : { reason: Object.freeze({ ...reason }) }),
    })
    commands.set(record.commandId, kept)
    return kept
  }

  async headPosition(): Promise<number> {
    this.#assertOpen()
    return this.#log.headPosition
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#appended.notify()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(aggregate: AggregateRef): StoredAggregate {
    const key = keyOf(aggregate)
    const known = this.#aggregates.get(key)
    if (known !== undefined) return known
    const created: StoredAggregate = { events: [], commands: new Map() }
    this.#aggregates.set(key, created)
    return created
  }

  #eventsOf(stored: StoredAggregate | undefined, commandId: string): readonly DomainEventEnvelope[] {
    return (stored?.events ?? []).filter(({ envelope }) => envelope.metadata.commandId === commandId).map(toEnvelope)
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StoreClosedError('The event store is closed. Open a new one.')
  }
}

/** @throws {InvalidOptionError} before anything is stored, when the clock gives no time */
function checkClock(time: number): number {
  if (Math.abs(time) <= lastTime) return Math.floor(time)
  throw new InvalidOptionError('MemoryEventStore', 'now', `must give milliseconds since 1970, it gave ${String(time)}.`)
}

function keyOf({ aggregateType, aggregateId }: AggregateRef): string {
  return `${aggregateType} ${aggregateId}`
}
