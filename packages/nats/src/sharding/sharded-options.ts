/** Options of the event store over several streams. */

import { checkWholeNumber, InvalidOptionError } from '@cim/core'
import {
  type CheckedJetStreamOptions,
  checkJetStreamOptions,
  type JetStreamEventStoreOptions,
} from '../jetstream-options.ts'
import type { ShardBy } from './shard-rule.ts'

/** Options of {@link ShardedJetStreamEventStore.open}. */
export interface ShardedJetStreamEventStoreOptions extends JetStreamEventStoreOptions {
  /**
   * The streams are this name with `-1`, `-2` and so on behind it, and `-order`, `-snapshots`; `EVENTS` when left out. They
   * are made when they do not exist.
   */
  readonly streamName?: string
  /** How many streams keep events: 1 to 100. It cannot be changed later. */
  readonly shards: number
  /**
   * What decides in which of them an aggregate is: `aggregate-id` (the default), type and id; `aggregate-type`, its type
   * alone, so that whoever reads one type asks one stream. It cannot be changed later.
   */
  readonly shardBy?: ShardBy
  /**
   * How many messages of the order log are folded into one message of a page, from which old positions are found; 1,024 when
   * left out. It counts when the streams are made; later it is taken from them. Times `shards` and 10 bytes, it must fit into
   * a message.
   */
  readonly orderPageSize?: number
}

/** {@link ShardedJetStreamEventStoreOptions} with defaults filled in. */
export interface CheckedShardedOptions extends CheckedJetStreamOptions {
  readonly shards: number
  readonly shardBy: ShardBy
  readonly orderPageSize: number
}

/** Stands before the messages of errors about options. */
export const subject = 'ShardedJetStreamEventStore'

/** @throws {InvalidOptionError} when one of them is not acceptable */
export function checkShardedOptions(options: ShardedJetStreamEventStoreOptions): CheckedShardedOptions {
  const { shards, shardBy = 'aggregate-id', orderPageSize = 1024, ...more } = options
  checkWholeNumber(subject, 'shards', shards, { least: 1, most: 100 })
  checkWholeNumber(subject, 'orderPageSize', orderPageSize, { least: 2, most: 10_000 })
  if (shardBy !== 'aggregate-id' && shardBy !== 'aggregate-type') {
    const found = JSON.stringify(shardBy)
    throw new InvalidOptionError(subject, 'shardBy', `must be 'aggregate-id' or 'aggregate-type', got ${found}.`)
  }
  return { ...checkJetStreamOptions(more), shards, shardBy, orderPageSize }
}

/** What a run of places takes in a page, at most as a rule; each claim may add one for each shard. */
const bytesOfRun = 10

/** @throws {InvalidOptionError} when a page of the order may be larger than a message of the server */
export function checkPageFits({ shards, orderPageSize }: CheckedShardedOptions, maxPayload: number): void {
  const bytes = orderPageSize * shards * bytesOfRun
  if (bytes <= maxPayload) return
  throw new InvalidOptionError(
    subject,
    'orderPageSize',
    `is ${orderPageSize} for ${shards} shards, with which a page of the order takes up to ${bytes} bytes, but a message of the server at most ` +
      `${maxPayload}: set it to ${Math.floor(maxPayload / shards / bytesOfRun)} or less, or raise max_payload.`,
  )
}
