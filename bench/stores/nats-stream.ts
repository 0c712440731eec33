/** Streams for benchmarks, each made by the event store itself, so that a raw loop writes to the very same kind. */

import { JetStreamEventStore } from '@cim/nats'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import type { NatsServers } from '../harness/nats-servers.ts'

/** A stream that nobody else uses. */
export interface NatsStream {
  /** The server that leads the stream: whoever is measured connects there, or a hop more would be measured by chance. */
  readonly url: string
  /** The stream's name, and what stands before its subjects. */
  readonly name: string
}

let count = 0

/** Makes a stream, works with it, and deletes it. */
export async function withNatsStream<TResult>(
  servers: NatsServers,
  work: (stream: NatsStream) => Promise<TResult>,
): Promise<TResult> {
  const name = `B${process.pid}-${++count}`
  await (await JetStreamEventStore.open({ servers: servers.urls, streamName: name, subjectPrefix: name })).close()
  const connection = await connect({ servers: [...servers.urls] })
  try {
    const { streams } = await jetstreamManager(connection)
    const { cluster } = await streams.info(name)
    const result = await work({ url: servers.urlOf(cluster?.leader), name })
    await Promise.all([streams.delete(name), streams.delete(`${name}-snapshots`)])
    return result
  } finally {
    await connection.close()
  }
}

/** @returns the event store over a stream */
export function openNatsStore({ url, name }: NatsStream): Promise<JetStreamEventStore> {
  return JetStreamEventStore.open({ servers: url, streamName: name, subjectPrefix: name })
}
