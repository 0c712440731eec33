/** Makes or checks the streams of a store with several: the order log first, then those that keep events. */

import { InvalidOptionError, StoreCorruptError } from '@cim/core'
import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import {
  codeOf,
  findOrMake,
  openSnapshotStream,
  openStream,
  snapshotStreamName,
  whileServersStart,
} from '../stream/open-stream.ts'
import { compareStream, type StreamSettings, streamSettings, type WantedStream } from '../stream/stream-settings.ts'
import { UnsafeStreamError } from '../stream/unsafe-stream-error.ts'
import { type CheckedShardedOptions, checkPageFits, subject } from './sharded-options.ts'

/** The streams, as they are. */
export interface ShardStreams {
  readonly shards: readonly StreamInfo[]
  readonly order: StreamInfo
  /** How many messages of the order log make a page. */
  readonly pageSize: number
}

const streamNotFound = 10_059
/** What the order log keeps beside its messages: nothing in them could be found with other numbers. */
const keys = { shards: 'cim_shards', shardBy: 'cim_shard_by', pageSize: 'cim_order_page_size' } as const
/** A message of the order log is one of many on its subject; claims are published alone. */
const settingsOfEvents: ReadonlySet<string> = new Set(['max_msgs_per_subject', 'discard_new_per_subject'])

/** @returns the name of the stream with the order log */
export function orderStreamName(streamName: string): string {
  return `${streamName}-order`
}

/** @param shard a number from 0 on @returns the name of the stream that keeps its events */
export function shardStreamName(streamName: string, shard: number): string {
  return `${streamName}-${shard + 1}`
}

/** @param shard a number from 0 on @returns what stands before the subjects of a shard, with its dot */
export function shardPrefix(prefix: string, shard: number): string {
  return `${prefix}shard-${shard + 1}.`
}

/**
 * @throws {InvalidOptionError} when the streams were made for another number of shards, or another rule, or a page of the
 *   order may not fit into a message
 * @throws {UnsafeStreamError} when one can lose events and the caller has not accepted that
 * @throws {StoreCorruptError} when events are there, but no order log
 * @throws {StoreUnavailableError} when JetStream does not answer, or refuses
 */
export async function openShards(connection: NatsConnection, options: CheckedShardedOptions): Promise<ShardStreams> {
  const { streamName, prefix, shards, allowUnsafe = [], giveUpAfterMs } = options
  checkPageFits(options, connection.info?.max_payload ?? 1_048_576)
  const replicas = options.replicas ?? (connection.info?.cluster === undefined ? 1 : 3)
  const serverVersion = connection.info?.version ?? 'unknown'
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: options.requestTimeoutMs })
  const orderLog = { name: orderStreamName(streamName), subjects: [`${prefix}order.>`], replicas }
  const snapshots = { name: snapshotStreamName(streamName), subjects: [`${prefix}snapshots.>`], replicas }
  return whileServersStart(giveUpAfterMs, async () => {
    await refuseWithoutOrder(manager, options)
    const order = await openOrderStream(manager, orderLog, options, serverVersion)
    const opening = Array.from({ length: shards }, (_, shard) => {
      const before = shardPrefix(prefix, shard)
      const subjects = [`${before}events.>`, `${before}outcomes.>`]
      return openStream(manager, {
        name: shardStreamName(streamName, shard),
        subjects,
        replicas,
        serverVersion,
        allowUnsafe,
      })
    })
    const infos = await Promise.all(opening)
    await openSnapshotStream(manager, snapshots)
    return { order, shards: infos, pageSize: Number(order.config.metadata?.[keys.pageSize]) }
  })
}

/** The order log is made before any event is stored. Where it is missing, it was lost, and positions with it. */
async function refuseWithoutOrder(
  manager: JetStreamManager,
  { streamName, shards }: CheckedShardedOptions,
): Promise<void> {
  const order = orderStreamName(streamName)
  if (await exists(manager, order)) return
  for (let shard = 0; shard < shards; shard++) {
    const name = shardStreamName(streamName, shard)
    // Another process may have made both since.
    if (!(await exists(manager, name, 1)) || (await exists(manager, order))) continue
    throw new StoreCorruptError(
      `JetStream: the stream ${name} has events, but there is no stream ${order}, which says in which order they are. ` +
        'Restore it from a backup; without it, events would get other positions than they had.',
    )
  }
}

async function exists(manager: JetStreamManager, name: string, leastMessages = 0): Promise<boolean> {
  try {
    return (await manager.streams.info(name)).state.last_seq >= leastMessages
  } catch (error) {
    if (codeOf(error) === streamNotFound) return false
    throw error
  }
}

async function openOrderStream(
  manager: JetStreamManager,
  wanted: WantedStream,
  options: CheckedShardedOptions,
  serverVersion: string,
): Promise<StreamInfo> {
  const { name } = wanted
  const { shards, shardBy, orderPageSize, allowUnsafe = [] } = options
  const settings: StreamSettings = {
    ...streamSettings(wanted),
    max_msgs_per_subject: -1,
    discard_new_per_subject: false,
    metadata: { [keys.shards]: `${shards}`, [keys.shardBy]: shardBy, [keys.pageSize]: `${orderPageSize}` },
  }
  const info = await findOrMake(manager, settings)
  checkRule(info, options)
  const differences = compareStream(info.config, wanted, serverVersion).filter(
    ({ setting, isImpossible }) => !settingsOfEvents.has(setting) && (isImpossible || !allowUnsafe.includes(setting)),
  )
  const most = info.config.max_msgs_per_subject
  if (most > 0) {
    const risk = 'claims are deleted, and positions cannot be told'
    differences.push({ setting: 'max_msgs_per_subject', expected: '-1', found: `${most}`, risk, isImpossible: true })
  }
  if (differences.length > 0) throw new UnsafeStreamError(name, differences)
  return info
}

function checkRule({ config }: StreamInfo, options: CheckedShardedOptions): void {
  const { metadata = {} } = config
  const found = { shards: Number(metadata[keys.shards]), shardBy: metadata[keys.shardBy] }
  if (!(found.shards > 0) || !(Number(metadata[keys.pageSize]) > 0)) {
    throw new InvalidOptionError(
      subject,
      'streamName',
      `leads to the stream ${config.name}, which does not say for how many shards it was made (metadata ${keys.shards}, ` +
        `${keys.shardBy}, ${keys.pageSize}): it is no order log of this store. Choose another name.`,
    )
  }
  for (const name of ['shards', 'shardBy'] as const) {
    if (options[name] === found[name]) continue
    throw new InvalidOptionError(
      subject,
      name,
      `is ${options[name]}, but the streams ${config.name} belongs to were made with ${found[name]}. Events of one aggregate would be looked ` +
        `for where they are not: open with ${found[name]}, or append all events to a new store under another streamName.`,
    )
  }
}
