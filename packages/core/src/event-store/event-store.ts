/** The port that every event store implements. */

import type { AggregateRef } from './aggregate-ref.ts'
import type { DomainEventEnvelope, NewEvent } from './domain-event-envelope.ts'

/**
 * An append-only log of domain events, by aggregate and in one global order.
 *
 * What an implementation promises is stated as tests in `eventStoreConformance` of `@cim/testing`.
 * @see the mission's heading "Event Store"
 */
export interface EventStore extends AsyncDisposable {
  readonly limits: EventStoreLimits

  /**
   * Appends events to one aggregate: all of them or none. Resolves when they are durable.
   *
   * Repeats are recognised. With `command`, an append by a command id that the aggregate has seen returns what was
   * stored then. Without, the same event ids at the same expected version do.
   * @param aggregate whose events these are
   * @param events 1 to `limits.maxEventsPerAppend` events
   * @param options the version that is expected, and the command behind the events
   * @throws {ConcurrencyError} when the aggregate has another version
   * @throws {CommandIdReusedError} when the command id was seen with another fingerprint
   * @throws {EventIdReusedError} when the event ids are stored at that version with other content
   * @throws {InvalidEventError} when an event's data is not plain JSON
   * @throws {PayloadTooLargeError} when an event or the batch is too large
   * @throws {ValidationError} when a name or an id is not acceptable
   */
  appendEvents(aggregate: AggregateRef, events: readonly NewEvent[], options: AppendOptions): Promise<AppendResult>

  /**
   * Loads events of one aggregate in the order of their sequence; none when it does not exist.
   * @param aggregate whose events
   * @param options a range of versions; everything when left out. With a limit, large events may come in smaller portions:
   *   go on after the last one until none comes.
   */
  loadEvents(aggregate: AggregateRef, options?: LoadEventsOptions): Promise<readonly DomainEventEnvelope[]>

  /**
   * Reads one page across aggregates, in the order of positions. Large events may come in smaller pages than asked for.
   * @param options which events, from where, and how many at most
   */
  readEvents(options?: ReadEventsOptions): Promise<EventPage>

  /**
   * Follows the log: first what is stored, then what comes, without a gap or a duplicate between them.
   * Memory stays bounded: the next batch is read when it is asked for, and large events come in smaller batches.
   * @param subjectPatterns one or several patterns as in NATS over `events.<AggregateType>.<EventType>`
   * @param options where to start, and how much to read at a time
   * @returns an endless iterable; it ends when the signal aborts or the consumer breaks out
   * @throws {ValidationError} when a pattern is not well-formed
   */
  subscribe(subjectPatterns: string | readonly string[], options?: SubscribeOptions): AsyncIterable<EventBatch>

  /**
   * Looks up what became of a command.
   * @param aggregate the aggregate that the command addressed
   * @param commandId the command's id
   */
  findCommand(aggregate: AggregateRef, commandId: string): Promise<CommandRecord | undefined>

  /**
   * Remembers the outcome of a command that made no events. Resolves when it is durable.
   * @returns what is remembered: the given record, or the first one when the command id was seen before
   * @throws {CommandIdReusedError} when the command id was seen with another fingerprint
   */
  recordCommand(aggregate: AggregateRef, record: CommandRecord): Promise<CommandRecord>

  /** @returns the position of the newest event, 0 when there is none */
  headPosition(): Promise<number>

  /** Finishes what was accepted, then releases everything. May be called twice. */
  close(): Promise<void>
}

/** What a store accepts. */
export interface EventStoreLimits {
  /** The most bytes one event's data may take as JSON in UTF-8. */
  readonly maxEventBytes: number
  readonly maxEventsPerAppend: number
  /** The most bytes the data of all events of one append may take as JSON in UTF-8. */
  readonly maxAppendBytes: number
}

/** Expected version: the aggregate's version, 0 when it must not exist yet, or `any`. */
export type ExpectedVersion = number | 'any'

/** Options of {@link EventStore.appendEvents}. */
export interface AppendOptions {
  readonly expectedVersion: ExpectedVersion
  /** The command that made the events. Its id must also stand in each event's metadata. */
  readonly command?: CommandIdentity
}

/** A command and what it said. */
export interface CommandIdentity {
  readonly commandId: string
  /** A safe integer computed from the command's content; another one under the same id is an error. */
  readonly fingerprint: number
}

/** What an append stored. */
export interface AppendResult {
  /** The stored events, those of the first time when this was a repeat. */
  readonly events: readonly DomainEventEnvelope[]
  /** The sequence of the last of these events. */
  readonly version: number
  /** The position of the last of these events. */
  readonly position: number
  /** When they were stored, ISO-8601 in UTC. */
  readonly timestamp: string
  /** True when the store had them already and changed nothing. */
  readonly isRepeat: boolean
}

/** What became of a command: the durable part of its acknowledgment. */
export interface CommandRecord extends CommandIdentity {
  readonly status: 'Accepted' | 'Rejected'
  readonly version: number
  readonly position: number
  readonly timestamp: string
  readonly reason?: RejectionReason
}

/** Why a business rule refused a command. */
export interface RejectionReason {
  /** Stable kebab-case identifier of the rule. */
  readonly code: string
  /** The rule in words. */
  readonly message: string
}

/** Options of {@link EventStore.loadEvents}. */
export interface LoadEventsOptions {
  /** The first version to load, from 1. */
  readonly fromVersion?: number
  /** The last version to load. */
  readonly toVersion?: number
  /** The most events to load. */
  readonly limit?: number
}

/** Options of {@link EventStore.readEvents}. All conditions must hold. */
export interface ReadEventsOptions {
  /** Patterns as in NATS over `events.<AggregateType>.<EventType>`; any of them may match. */
  readonly subjectPatterns?: string | readonly string[]
  readonly aggregateType?: string
  readonly correlationId?: string
  /** Only events after this position. */
  readonly afterPosition?: number
  /** Only events stored at this time or later, ISO-8601. */
  readonly fromTimestamp?: string
  /** Only events stored before this time, ISO-8601. */
  readonly beforeTimestamp?: string
  /** The most events in the page: 1 to 10,000; 1,000 when left out. */
  readonly limit?: number
}

/** One page of events. */
export interface EventPage {
  readonly events: readonly DomainEventEnvelope[]
  /** Everything asked for up to this position is in this page or before it. Ask for the next page after it. */
  readonly position: number
  /** True when there was nothing more to find when the page was read. */
  readonly isEnd: boolean
}

/** Options of {@link EventStore.subscribe}. */
export interface SubscribeOptions {
  /** Start after this position; 0, the beginning, when left out. */
  readonly afterPosition?: number
  /** The most events in a batch: 1 to 10,000; 1,000 when left out. */
  readonly batchSize?: number
  /** Ends the subscription. */
  readonly signal?: AbortSignal
}

/** A run of events in position order. */
export interface EventBatch {
  /** May be empty: then only the position moved on, over events that match no pattern. */
  readonly events: readonly DomainEventEnvelope[]
  /** Every matching event up to this position has been delivered. Save it as the checkpoint. */
  readonly position: number
}
