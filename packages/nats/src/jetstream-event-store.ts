/** The distributed event store: a stream of NATS JetStream, any number of processes. */

import {
  type AggregateRef,
  type AppendOptions,
  type AppendResult,
  type CommandRecord,
  checkCommandRecord,
  checkLoadOptions,
  checkReadOptions,
  checkSubscribeOptions,
  createUuidGenerator,
  type DomainEventEnvelope,
  type EventBatch,
  type EventPage,
  type EventStore,
  type EventStoreLimits,
  type LoadEventsOptions,
  type NewEvent,
  prepareAppend,
  problemWithId,
  type ReadEventsOptions,
  Signal,
  type SnapshotStore,
  StoreClosedError,
  type SubscribeOptions,
  subjectMatcher,
} from '@cim/core'
import type { StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { StampClock } from './aggregates/stamp-clock.ts'
import { apiPrefix, EventStream } from './event-stream.ts'
import { connectTo, openStreams } from './jetstream-connection.ts'
import {
  type CheckedJetStreamOptions,
  checkJetStreamOptions,
  fittingLimits,
  type JetStreamEventStoreOptions,
} from './jetstream-options.ts'
import { JetStreamSnapshotStore } from './jetstream-snapshot-store.ts'
import { followStream } from './log/follow-stream.ts'
import { LogReader } from './log/log-reader.ts'
import { LogWatch } from './log/log-watch.ts'
import { AggregateSubjects } from './messages/event-subject.ts'
import { DirectReader } from './server/direct-reader.ts'
import { Inbox } from './server/inbox.ts'
import { Patience } from './server/patience.ts'
import { Publisher } from './server/publisher.ts'
import { snapshotStreamName } from './stream/open-stream.ts'

/**
 * Keeps events in a stream of NATS JetStream, which any number of processes may write to and read from.
 *
 * What is acknowledged is on the disks of most replicas as far as their operating systems have written it: let the servers
 * run with `jetstream { sync_interval: always }`, or a power failure of several servers at once can lose the newest events.
 * @see docs/guarantees.md
 */
export class JetStreamEventStore implements EventStore {
  readonly limits: EventStoreLimits
  /** Snapshots in a stream of their own, on the same servers. */
  readonly snapshotStore: SnapshotStore
  readonly #options: CheckedJetStreamOptions
  readonly #connection: NatsConnection
  readonly #inbox: Inbox
  readonly #watch: LogWatch
  readonly #stream: EventStream
  readonly #logReader: LogReader
  readonly #newId: () => string
  readonly #ended = new Signal()
  #underWay = 0
  #closing: Promise<void> | undefined

  /**
   * Connects, and makes the streams or checks those that are there.
   * @throws {UnsafeStreamError} when a stream is set up so that it can lose events
   * @throws {StoreUnavailableError} when the servers cannot be reached, or lack JetStream
   */
  static async open(options: JetStreamEventStoreOptions): Promise<JetStreamEventStore> {
    const checked = checkJetStreamOptions(options)
    const connection = await connectTo(checked)
    try {
      const info = await openStreams(connection, checked)
      const store = new JetStreamEventStore(checked, connection, info)
      await store.#stream.start(store.#newPatience())
      return store
    } catch (error) {
      if (checked.connection === undefined) await connection.close()
      throw error
    }
  }

  private constructor(options: CheckedJetStreamOptions, connection: NatsConnection, info: StreamInfo) {
    const { streamName, prefix } = options
    const now = options.now ?? Date.now
    const maxPayload = connection.info?.max_payload ?? 1_048_576
    this.#options = options
    this.#connection = connection
    this.#newId = options.newId ?? createUuidGenerator(now)
    this.limits = fittingLimits(options.limits, maxPayload)
    this.#inbox = new Inbox(connection, options.requestTimeoutMs, () => this.#forget())
    this.#watch = new LogWatch(connection, streamName)
    const publisher = new Publisher(this.#inbox)
    const newPatience = (): Patience => this.#newPatience()
    this.#stream = new EventStream({
      inbox: this.#inbox,
      publisher,
      clock: new StampClock(now),
      info,
      prefix,
      reads: options.reads ?? 'leader',
      maxRemembered: options.maxRemembered,
      newPatience,
      stored: (position) => this.#watch.saw(position),
    })
    this.#logReader = new LogReader(this.#stream.source, prefix)
    this.snapshotStore = new JetStreamSnapshotStore({
      direct: new DirectReader(this.#inbox, apiPrefix, snapshotStreamName(streamName)),
      publisher,
      prefix,
      maxPayload,
      newPatience,
      assertOpen: () => this.#assertOpen(),
    })
  }

  #forget(): void {
    this.#stream.forget()
    this.#watch.disturb()
  }

  async appendEvents(
    aggregate: AggregateRef,
    events: readonly NewEvent[],
    options: AppendOptions,
  ): Promise<AppendResult> {
    this.#assertOpen()
    const { aggregateType, aggregateId } = aggregate
    const prepared = prepareAppend(aggregate, events, options, this.limits, this.#newId)
    return this.#finish(this.#stream.appender.append({ aggregateType, aggregateId }, prepared, { ...options }))
  }

  async loadEvents(aggregate: AggregateRef, options?: LoadEventsOptions): Promise<readonly DomainEventEnvelope[]> {
    this.#assertOpen()
    return this.#finish(this.#stream.loader.load(aggregate, checkLoadOptions(options), this.#newPatience()))
  }

  async readEvents(options?: ReadEventsOptions): Promise<EventPage> {
    this.#assertOpen()
    return this.#finish(this.#logReader.readPage(checkReadOptions(options), this.#newPatience()))
  }

  subscribe(subjectPatterns: string | readonly string[], options?: SubscribeOptions): AsyncIterable<EventBatch> {
    const matches = subjectMatcher(subjectPatterns)
    return followStream({
      ...checkSubscribeOptions(options),
      options,
      matches,
      reader: this.#logReader,
      watch: this.#watch,
      assertOpen: () => this.#assertOpen(),
      newPatience: (signal) => this.#newPatience(signal),
    })
  }

  async findCommand(aggregate: AggregateRef, commandId: string): Promise<CommandRecord | undefined> {
    this.#assertOpen()
    const subjects = AggregateSubjects.of(this.#options.prefix, aggregate)
    if (subjects === undefined || problemWithId(commandId) !== undefined) return undefined
    const found = this.#stream.heads.findCommand(aggregate, subjects, commandId, this.#newPatience())
    return (await this.#finish(found))?.record
  }

  async recordCommand(aggregate: AggregateRef, record: CommandRecord): Promise<CommandRecord> {
    this.#assertOpen()
    checkCommandRecord(aggregate, record)
    const { aggregateType, aggregateId } = aggregate
    return (await this.#finish(this.#stream.appender.record({ aggregateType, aggregateId }, { ...record }))).record
  }

  async headPosition(): Promise<number> {
    this.#assertOpen()
    return this.#finish(this.#stream.head.position(this.#newPatience()))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#watch.close()
    while (this.#underWay > 0) await this.#ended.wait(this.#ended.count)
    this.#inbox.close()
    if (this.#options.connection === undefined) await this.#connection.close()
  }

  /** What was accepted is finished before the store closes. */
  async #finish<TResult>(work: Promise<TResult>): Promise<TResult> {
    this.#underWay++
    try {
      return await work
    } finally {
      this.#underWay--
      this.#ended.notify()
    }
  }

  #newPatience(signal?: AbortSignal): Patience {
    return new Patience(this.#inbox, this.#options.giveUpAfterMs, signal)
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StoreClosedError('The event store is closed. Open a new one.')
  }
}
