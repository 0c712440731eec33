/** Event stores over several streams for tests, each with streams of its own that are deleted afterwards. */

import type { EventStore, SnapshotStore } from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { ShardedJetStreamEventStore } from '../sharding/sharded-jetstream-event-store.ts'
import type { ShardedJetStreamEventStoreOptions } from '../sharding/sharded-options.ts'
import type { TestStore } from './test-stores.ts'

let count = 0

/** @returns options for streams that nobody else uses: three, and small pages of the order log unless told otherwise */
export function ownShards(options: Partial<ShardedJetStreamEventStoreOptions>): ShardedJetStreamEventStoreOptions {
  const name = `S${process.pid}-${++count}`
  return { shards: 3, orderPageSize: 32, ...options, streamName: name, subjectPrefix: name }
}

/** @returns an empty event store, as a suite wants it */
export async function openTestShards(
  options: Partial<ShardedJetStreamEventStoreOptions>,
): Promise<TestStore<EventStore>> {
  const own = ownShards(options)
  const open = (): Promise<ShardedJetStreamEventStore> => ShardedJetStreamEventStore.open(own)
  return { store: await open(), reopen: open, dispose: () => deleteShards(own) }
}

/** @returns an empty snapshot store, as a suite wants it */
export async function openTestShardSnapshots(
  options: Partial<ShardedJetStreamEventStoreOptions>,
): Promise<TestStore<SnapshotStore & AsyncDisposable>> {
  const own = ownShards(options)
  const open = async () => {
    const eventStore = await ShardedJetStreamEventStore.open(own)
    const { snapshotStore } = eventStore
    return {
      loadSnapshot: snapshotStore.loadSnapshot.bind(snapshotStore),
      saveSnapshot: snapshotStore.saveSnapshot.bind(snapshotStore),
      [Symbol.asyncDispose]: () => eventStore.close(),
    }
  }
  return { store: await open(), reopen: open, dispose: () => deleteShards(own) }
}

/** Makes room on the server for the next test. */
async function deleteShards({ servers, streamName, shards }: ShardedJetStreamEventStoreOptions): Promise<void> {
  const connection = await connect({ servers: [servers ?? []].flat() as string[] })
  const { streams } = await jetstreamManager(connection)
  const numbers = Array.from({ length: shards }, (_, shard) => `${shard + 1}`)
  for (const end of [...numbers, 'order', 'snapshots']) await streams.delete(`${streamName}-${end}`)
  await connection.close()
}
