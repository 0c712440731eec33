/** The order of all events: the log of claims, and what is asked of it. */

import type { DomainEventEnvelope } from '@cim/core'
import type { StreamInfo } from '@nats-io/jetstream'
import { apiPrefix } from '../event-stream.ts'
import type { FollowedWatch } from '../log/follow-stream.ts'
import { LogHead } from '../log/log-head.ts'
import { LogWatch } from '../log/log-watch.ts'
import { StreamSource } from '../log/stream-source.ts'
import { DirectReader } from '../server/direct-reader.ts'
import type { Inbox } from '../server/inbox.ts'
import { LeaderApi } from '../server/leader-api.ts'
import type { Patience } from '../server/patience.ts'
import type { Publisher } from '../server/publisher.ts'
import { Claims } from './claims.ts'
import { OrderLog, type OrderLogParts } from './order-log.ts'
import { OrderSubjects } from './order-messages.ts'

/** What {@link EventOrder} works with. */
export interface EventOrderParts extends Pick<OrderLogParts, 'shardEnd'> {
  readonly inbox: Inbox
  readonly publisher: Publisher
  /** The stream of the order log. */
  readonly info: StreamInfo
  /** Before its subjects, with its dot, or empty. */
  readonly prefix: string
  readonly shards: number
  readonly pageSize: number
}

/** Turns places in the shards into positions. */
export class EventOrder {
  readonly log: OrderLog
  readonly claims: Claims
  readonly #watch: LogWatch

  constructor({ inbox, publisher, info, prefix, shards, pageSize, shardEnd }: EventOrderParts) {
    const { name } = info.config
    const direct = new DirectReader(inbox, apiPrefix, name)
    const leader = new LeaderApi(inbox, apiPrefix, name)
    const source = new StreamSource(direct, new LogHead(leader, direct, prefix))
    const subjects = new OrderSubjects(prefix)
    const watch = new LogWatch(inbox.connection, name)
    const folded = (sequence: number): void => watch.saw(sequence)
    this.#watch = watch
    this.log = new OrderLog({ direct, leader, source, publisher, subjects, shards, pageSize, shardEnd, folded })
    this.claims = new Claims(publisher, this.log, subjects)
  }

  /** Wakes those who follow the log of all events. */
  get watch(): FollowedWatch {
    const [watch, log] = [this.#watch, this.log]
    return {
      appended: watch.appended,
      get disturbances() {
        return watch.disturbances
      },
      // While claims are known that are not folded yet, there may be positions of any size.
      get newest() {
        return watch.newest > log.folded ? Number.MAX_SAFE_INTEGER : log.endPosition
      },
      open: () => watch.open(log.folded),
    }
  }

  /** @returns the newest message of the order log that is known to be stored */
  newestClaim(): number {
    return this.#watch.newest
  }

  async start(patience: Patience): Promise<void> {
    await patience.during('reading the order of events', () => this.log.start())
  }

  /** The servers were away, and may have lost what they had not synced. */
  forget(): void {
    this.log.doubt()
    this.#watch.disturb()
  }

  close(): void {
    this.#watch.close()
  }

  /**
   * Waits until events have their positions, and claims them if nobody has.
   * @param shard a number from 0 on
   * @param events with their places in the shard, which rise
   * @returns the same events with their positions
   */
  async place(
    shard: number,
    events: readonly DomainEventEnvelope[],
    patience: Patience,
  ): Promise<readonly DomainEventEnvelope[]> {
    const last = events.at(-1)
    if (last === undefined) return events
    await this.claims.reach([shard, last.position], patience)
    const placed: DomainEventEnvelope[] = []
    for (const event of events) {
      placed.push({ ...event, position: await this.positionOf(shard, event.position, patience) })
    }
    return placed
  }

  /** @returns the position of a place that is covered */
  positionOf(shard: number, place: number, patience: Patience): Promise<number> {
    return patience.during('looking up a position', () => this.log.positionOf([shard, place]))
  }
}
