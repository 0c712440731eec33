/** One stream of events, and all that works on it. */

import type { StreamInfo } from '@nats-io/jetstream'
import { AggregateHeads } from './aggregates/aggregate-heads.ts'
import { AggregateReader } from './aggregates/aggregate-reader.ts'
import { EventAppender } from './aggregates/event-appender.ts'
import { EventLoader } from './aggregates/event-loader.ts'
import { HeadLoader } from './aggregates/head-loader.ts'
import type { StampClock } from './aggregates/stamp-clock.ts'
import { LogHead } from './log/log-head.ts'
import { StreamSource } from './log/stream-source.ts'
import { DirectReader } from './server/direct-reader.ts'
import type { Inbox } from './server/inbox.ts'
import { LeaderApi } from './server/leader-api.ts'
import type { Patience } from './server/patience.ts'
import type { Publisher } from './server/publisher.ts'

/** Before the names of all calls of JetStream. */
export const apiPrefix = '$JS.API'

/** What {@link EventStream} works with. */
export interface EventStreamParts {
  readonly inbox: Inbox
  readonly publisher: Publisher
  readonly clock: StampClock
  readonly info: StreamInfo
  /** Before the subjects of the stream, with its dot, or empty. */
  readonly prefix: string
  readonly reads: 'leader' | 'any'
  readonly maxRemembered: number
  readonly newPatience: () => Patience
  /** Is told the place of each event that was stored. */
  readonly stored: (place: number) => void
}

/** Positions are places in this stream here. */
export class EventStream {
  readonly prefix: string
  readonly appender: EventAppender
  readonly loader: EventLoader
  readonly heads: HeadLoader
  readonly head: LogHead
  readonly source: StreamSource
  readonly #clock: StampClock

  constructor({ inbox, publisher, clock, info, prefix, newPatience, ...more }: EventStreamParts) {
    const { config } = info
    const direct = new DirectReader(inbox, apiPrefix, config.name)
    const leader = new LeaderApi(inbox, apiPrefix, config.name)
    const reader = new AggregateReader(direct, prefix)
    const head = new LogHead(leader, direct, prefix)
    this.prefix = prefix
    this.#clock = clock
    this.head = head
    this.source = new StreamSource(direct, head)
    this.heads = new HeadLoader({ heads: new AggregateHeads(more.maxRemembered), reader, leader, prefix })
    // A single server is its own leader.
    const asksLeader = config.num_replicas > 1 && more.reads !== 'any'
    this.loader = new EventLoader({ reader, loader: this.heads, leader, prefix, asksLeader })
    const stored = (place: number): void => {
      head.saw(place)
      more.stored(place)
    }
    this.appender = new EventAppender({ publisher, loader: this.heads, reader, clock, prefix, newPatience, stored })
  }

  /** Times go on after those that are stored, whatever the clock says. */
  async start(patience: Patience): Promise<void> {
    const timestamp = await this.head.newestTimestamp(patience)
    if (timestamp !== undefined) this.#clock.saw(timestamp)
  }

  /** Servers that were away may have lost what they had not synced: nothing is taken for granted that was seen before. */
  forget(): void {
    this.heads.forget()
    this.head.forget()
  }
}
