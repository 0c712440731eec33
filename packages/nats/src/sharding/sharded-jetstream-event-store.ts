/** The distributed event store over several streams of NATS JetStream, behind one order. */

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
  hasErrorCode,
  type LoadEventsOptions,
  type NewEvent,
  prepareAppend,
  problemWithId,
  type ReadEventsOptions,
  type SnapshotStore,
  StoreClosedError,
  type SubscribeOptions,
  subjectMatcher,
} from '@cim/core'
import type { NatsConnection } from '@nats-io/nats-core'
import type { KnownCommand } from '../aggregates/aggregate-head.ts'
import { StampClock } from '../aggregates/stamp-clock.ts'
import { apiPrefix, EventStream } from '../event-stream.ts'
import { connectTo } from '../jetstream-connection.ts'
import { fittingLimits } from '../jetstream-options.ts'
import { JetStreamSnapshotStore } from '../jetstream-snapshot-store.ts'
import { followStream } from '../log/follow-stream.ts'
import { LogReader } from '../log/log-reader.ts'
import { AggregateSubjects } from '../messages/event-subject.ts'
import { DirectReader } from '../server/direct-reader.ts'
import { Inbox } from '../server/inbox.ts'
import { Patience } from '../server/patience.ts'
import { Publisher } from '../server/publisher.ts'
import { snapshotStreamName } from '../stream/open-stream.ts'
import { Comparison } from './comparison.ts'
import { EventOrder } from './event-order.ts'
import { openShards, type ShardStreams, shardPrefix, shardStreamName } from './open-shards.ts'
import { ShardRule } from './shard-rule.ts'
import {
  type CheckedShardedOptions,
  checkShardedOptions,
  type ShardedJetStreamEventStoreOptions,
} from './sharded-options.ts'
import { ShardedSource } from './sharded-source.ts'
import { lostEvents, unplaced } from './sharding-errors.ts'

/**
 * Keeps each aggregate in one of several streams, and gives all events one order: positions that rise, are the same for every
 * process, and never change. For more events than fit into the memory of the servers of one stream, or more appends than its
 * leader takes. Every append waits for two acknowledgments, one after the other: of its stream, and of the order. What is acknowledged is as durable as in a `JetStreamEventStore`: let the servers run with `sync_interval: always`.
 * @see docs/decisions/0018-shards-behind-one-order.md
 */
export class ShardedJetStreamEventStore implements EventStore {
  readonly limits: EventStoreLimits
  /** Snapshots of all shards in one stream of their own. */
  readonly snapshotStore: SnapshotStore
  readonly #options: CheckedShardedOptions
  readonly #connection: NatsConnection
  readonly #inbox: Inbox
  readonly #rule: ShardRule
  readonly #shards: readonly EventStream[]
  readonly #order: EventOrder
  readonly #source: ShardedSource
  readonly #comparison: Comparison
  readonly #newId: () => string
  readonly #underWay = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  /**
   * Connects, and makes the streams or checks those that are there.
   * @throws {InvalidOptionError} when the streams were made for another number of shards, or another rule
   * @throws {UnsafeStreamError} when a stream is set up so that it can lose events
   * @throws {StoreCorruptError} when a stream has lost what the order says it holds
   * @throws {StoreUnavailableError} when the servers cannot be reached, or lack JetStream
   */
  static async open(options: ShardedJetStreamEventStoreOptions): Promise<ShardedJetStreamEventStore> {
    const checked = checkShardedOptions(options)
    const connection = await connectTo(checked)
    let store: ShardedJetStreamEventStore | undefined
    try {
      store = new ShardedJetStreamEventStore(checked, connection, await openShards(connection, checked))
      await store.#start()
      return store
    } catch (error) {
      await store?.close()
      if (checked.connection === undefined) await connection.close()
      throw error
    }
  }

  private constructor(options: CheckedShardedOptions, connection: NatsConnection, streams: ShardStreams) {
    const { prefix, shards, streamName } = options
    const now = options.now ?? Date.now
    const maxPayload = connection.info?.max_payload ?? 1_048_576
    this.#options = options
    this.#connection = connection
    this.#rule = new ShardRule(shards, options.shardBy)
    this.#newId = options.newId ?? createUuidGenerator(now)
    this.limits = fittingLimits(options.limits, maxPayload)
    const inbox = new Inbox(connection, options.requestTimeoutMs, () => this.#forget())
    const publisher = new Publisher(inbox)
    const newPatience = (): Patience => this.#newPatience()
    const clock = new StampClock(now)
    const reads = options.reads ?? 'leader'
    const maxRemembered = Math.ceil(options.maxRemembered / shards)
    this.#inbox = inbox
    this.#shards = streams.shards.map((info, shard) => {
      const stored = (place: number): void => this.#order.log.holds([shard, place])
      const own = { info, prefix: shardPrefix(prefix, shard), stored }
      return new EventStream({ inbox, publisher, clock, reads, maxRemembered, newPatience, ...own })
    })
    const { order: info, pageSize } = streams
    const shardEnd = async (shard: number) => (await this.#shards[shard]?.head.newestSequence(newPatience())) ?? 0
    this.#order = new EventOrder({ inbox, publisher, info, prefix, shards, pageSize, shardEnd })
    const { log: order, claims } = this.#order
    const newestClaim = (): number => this.#order.newestClaim()
    this.#source = new ShardedSource({ shards: this.#shards, prefix, order, claims, newestClaim, newPatience })
    this.#comparison = new Comparison(() => this.#source.checkIsStored(order.endPosition, this.#newPatience()))
    this.snapshotStore = new JetStreamSnapshotStore({
      direct: new DirectReader(inbox, apiPrefix, snapshotStreamName(streamName)),
      publisher,
      prefix,
      maxPayload,
      newPatience,
      assertOpen: () => this.#assertOpen(),
    })
  }

  /** The order is read first, so that each shard must have what it says. */
  async #start(): Promise<void> {
    const patience = this.#newPatience()
    await this.#order.start(patience)
    await this.#source.checkIsStored(this.#order.log.endPosition, patience)
    await Promise.all(this.#shards.map((shard) => shard.start(patience)))
  }

  #forget(): void {
    for (const shard of this.#shards) shard.forget()
    this.#order.forget()
    this.#comparison.begin()
  }

  async appendEvents(
    aggregate: AggregateRef,
    events: readonly NewEvent[],
    options: AppendOptions,
  ): Promise<AppendResult> {
    this.#assertOpen()
    const { aggregateType, aggregateId } = aggregate
    const prepared = prepareAppend(aggregate, events, options, this.limits, this.#newId)
    const ref = { aggregateType, aggregateId }
    const [shard, stream] = this.#shardOf(ref)
    const covered = this.#order.log.end[shard] ?? 0
    const own = { ...options }
    const append = () => stream.appender.append(ref, prepared, own)
    const stored = this.#comparison.isDue ? this.#comparison.finish().then(append) : append()
    return this.#finish(stored.then((result) => this.#placeAppend(ref, shard, covered, result)))
  }

  /** @param covered the last place of the shard that had a position before the append began */
  async #placeAppend(
    aggregate: AggregateRef,
    shard: number,
    covered: number,
    result: AppendResult,
  ): Promise<AppendResult> {
    const first = result.events[0]
    // A repeat of a command without events says what was recorded: the position in it is no place of the shard.
    if (first === undefined) return result
    const streamName = shardStreamName(this.#options.streamName, shard)
    const { log } = this.#order
    if (!result.isRepeat && first.position <= covered) throw log.stop(lostEvents(streamName, covered, first.position))
    const patience = this.#newPatience()
    // Another process may have stored it where events with positions were lost.
    if (result.isRepeat) await this.#source.checkShard(shard, covered, patience)
    try {
      if (!result.isRepeat) await this.#order.claims.cover([shard, result.position], patience)
      const events = await this.#order.place(shard, result.events, patience)
      return { ...result, events, position: events.at(-1)?.position ?? 0 }
    } catch (error) {
      throw hasErrorCode(error, 'store-unavailable') ? unplaced(aggregate, error) : error
    }
  }

  async loadEvents(aggregate: AggregateRef, options?: LoadEventsOptions): Promise<readonly DomainEventEnvelope[]> {
    this.#assertOpen()
    const checked = checkLoadOptions(options)
    if (AggregateSubjects.of('', aggregate) === undefined) return []
    const [shard, { loader }] = this.#shardOf(aggregate)
    const patience = this.#newPatience()
    const loaded = loader.load(aggregate, checked, patience)
    return this.#finish(loaded.then((events) => this.#order.place(shard, events, patience)))
  }

  async readEvents(options?: ReadEventsOptions): Promise<EventPage> {
    this.#assertOpen()
    const checked = checkReadOptions(options)
    const reader = this.#reader(this.#rule.shardsOf(options?.aggregateType, options?.subjectPatterns))
    return this.#finish(reader.readPage(checked, this.#newPatience()))
  }

  subscribe(subjectPatterns: string | readonly string[], options?: SubscribeOptions): AsyncIterable<EventBatch> {
    const matches = subjectMatcher(subjectPatterns)
    return followStream({
      ...checkSubscribeOptions(options),
      options,
      matches,
      reader: this.#reader(this.#rule.shardsOf(undefined, subjectPatterns)),
      watch: this.#order.watch,
      assertOpen: () => this.#assertOpen(),
      newPatience: (signal) => this.#newPatience(signal),
    })
  }

  #reader(wanted: ReadonlySet<number> | undefined): LogReader {
    return new LogReader(this.#source.only(wanted), this.#options.prefix)
  }

  async findCommand(aggregate: AggregateRef, commandId: string): Promise<CommandRecord | undefined> {
    this.#assertOpen()
    if (AggregateSubjects.of('', aggregate) === undefined || problemWithId(commandId) !== undefined) return undefined
    const [shard, { heads, prefix }] = this.#shardOf(aggregate)
    const subjects = AggregateSubjects.of(prefix, aggregate)
    if (subjects === undefined) return undefined
    const found = heads.findCommand(aggregate, subjects, commandId, this.#newPatience())
    return this.#finish(found.then((known) => known && this.#placeCommand(shard, known)))
  }

  async recordCommand(aggregate: AggregateRef, record: CommandRecord): Promise<CommandRecord> {
    this.#assertOpen()
    checkCommandRecord(aggregate, record)
    const { aggregateType, aggregateId } = aggregate
    const ref = { aggregateType, aggregateId }
    const [shard, { appender }] = this.#shardOf(ref)
    const recorded = appender.record(ref, { ...record })
    return this.#finish(recorded.then((known) => this.#placeCommand(shard, known)))
  }

  /** What was recorded has the position that its writer gave; what stands in events has their place in the shard. */
  async #placeCommand(shard: number, { record, firstVersion }: KnownCommand): Promise<CommandRecord> {
    if (firstVersion === 0) return record
    const patience = this.#newPatience()
    await this.#order.claims.reach([shard, record.position], patience)
    return { ...record, position: await this.#order.positionOf(shard, record.position, patience) }
  }

  async headPosition(): Promise<number> {
    this.#assertOpen()
    return this.#finish(this.#source.position(this.#newPatience()))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#order.close()
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    this.#inbox.close()
    if (this.#options.connection === undefined) await this.#connection.close()
  }

  /** What was accepted is finished before the store closes. */
  async #finish<TResult>(work: Promise<TResult>): Promise<TResult> {
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
    }
  }

  #shardOf(aggregate: AggregateRef): readonly [shard: number, stream: EventStream] {
    const shard = this.#rule.shardOf(aggregate)
    const stream = this.#shards[shard]
    if (stream === undefined) throw new Error('This cannot be: the rule gives numbers of shards.')
    return [shard, stream]
  }

  #newPatience(signal?: AbortSignal): Patience {
    return new Patience(this.#inbox, this.#options.giveUpAfterMs, signal)
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StoreClosedError('The event store is closed. Open a new one.')
    this.#order.log.assertWhole()
  }
}
