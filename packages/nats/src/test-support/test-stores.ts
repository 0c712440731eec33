/** Event stores for tests, each with streams of its own that are deleted afterwards. */

import type { EventStore, ProgressStore, SnapshotStore } from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { JetStreamEventStore } from '../jetstream-event-store.ts'
import type { JetStreamEventStoreOptions } from '../jetstream-options.ts'
import { JetStreamProgressStore } from '../progress/jetstream-progress-store.ts'
import type { JetStreamProgressStoreOptions } from '../progress/progress-options.ts'

/** A store as the suites want it. */
export interface TestStore<TStore> {
  readonly store: TStore
  readonly reopen: () => Promise<TStore>
  readonly dispose: () => Promise<void>
}

let count = 0

/** @returns options for a stream that nobody else uses */
export function ownStream(options: JetStreamEventStoreOptions): JetStreamEventStoreOptions {
  const name = `T${process.pid}-${++count}`
  return { ...options, streamName: name, subjectPrefix: name }
}

/** @returns an empty event store, as a suite wants it */
export async function openTestStore(options: JetStreamEventStoreOptions): Promise<TestStore<EventStore>> {
  const own = ownStream(options)
  const open = (): Promise<JetStreamEventStore> => JetStreamEventStore.open(own)
  return { store: await open(), reopen: open, dispose: () => deleteStreams(own) }
}

/** @returns an empty snapshot store, as a suite wants it */
export async function openTestSnapshots(
  options: JetStreamEventStoreOptions,
): Promise<TestStore<SnapshotStore & AsyncDisposable>> {
  const own = ownStream(options)
  const open = async () => {
    const eventStore = await JetStreamEventStore.open(own)
    const { snapshotStore } = eventStore
    return {
      loadSnapshot: snapshotStore.loadSnapshot.bind(snapshotStore),
      saveSnapshot: snapshotStore.saveSnapshot.bind(snapshotStore),
      [Symbol.asyncDispose]: () => eventStore.close(),
    }
  }
  return { store: await open(), reopen: open, dispose: () => deleteStreams(own) }
}

/** @returns options for a bucket that nobody else uses */
export function ownBucket(options: JetStreamProgressStoreOptions): JetStreamProgressStoreOptions {
  return { ...options, bucket: `P${process.pid}-${++count}` }
}

/** @returns an empty progress store, as a suite wants it */
export async function openTestProgress(options: JetStreamProgressStoreOptions): Promise<TestStore<ProgressStore>> {
  const own = ownBucket(options)
  const open = (): Promise<JetStreamProgressStore> => JetStreamProgressStore.open(own)
  return { store: await open(), reopen: open, dispose: () => deleteBucket(own) }
}

/** Makes room on the server for the next test. */
export function deleteStreams({ servers, streamName = '' }: JetStreamEventStoreOptions): Promise<void> {
  return deleteNamed(servers, [streamName, `${streamName}-snapshots`])
}

export function deleteBucket({ servers, bucket }: JetStreamProgressStoreOptions): Promise<void> {
  return deleteNamed(servers, [`KV_${bucket}`])
}

async function deleteNamed(servers: JetStreamEventStoreOptions['servers'], names: readonly string[]): Promise<void> {
  const connection = await connect({ servers: [servers ?? []].flat() as string[] })
  const { streams } = await jetstreamManager(connection)
  for (const name of names) await streams.delete(name)
  await connection.close()
}
