/** Connects to the servers, and makes or checks the streams. */

import { StoreUnavailableError } from '@cim/core'
import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import type { CheckedJetStreamOptions } from './jetstream-options.ts'
import { openSnapshotStream, openStream, snapshotStreamName, whileServersStart } from './stream/open-stream.ts'

/**
 * Servers that are away for an hour are no reason to give up for good; one that hangs is left within seconds. The client does
 * not notice a connection that is cut while it greets the server, and waits for all of `timeout` then.
 */
const lasting = { maxReconnectAttempts: -1, reconnectTimeWait: 250, pingInterval: 4000, maxPingOut: 2, timeout: 5000 }

/** @throws {StoreUnavailableError} when no server can be reached */
export async function connectTo(
  options: Pick<CheckedJetStreamOptions, 'servers' | 'connect' | 'connection'>,
): Promise<NatsConnection> {
  const { servers, connect: more, connection } = options
  if (connection !== undefined) return connection as NatsConnection
  const list = typeof servers === 'string' ? servers : [...(servers ?? [])]
  try {
    return await connect({ name: 'cim', ...lasting, ...more, servers: list })
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new StoreUnavailableError(
      `NATS: no connection to ${[list].flat().join(', ')} (${said}). Check that a server runs there and lets this user in.`,
      { cause },
    )
  }
}

/**
 * @returns the stream of the events, as it is
 * @throws {UnsafeStreamError} when it can lose events and the caller has not accepted that
 * @throws {StoreUnavailableError} when JetStream does not answer, or refuses
 */
export async function openStreams(connection: NatsConnection, options: CheckedJetStreamOptions): Promise<StreamInfo> {
  const { streamName: name, prefix, allowUnsafe = [] } = options
  const replicas = options.replicas ?? (connection.info?.cluster === undefined ? 1 : 3)
  const serverVersion = connection.info?.version ?? 'unknown'
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: options.requestTimeoutMs })
  const snapshots = { name: snapshotStreamName(name), subjects: [`${prefix}snapshots.>`], replicas }
  const events = { name, subjects: [`${prefix}events.>`, `${prefix}outcomes.>`], replicas, serverVersion, allowUnsafe }
  return whileServersStart(options.giveUpAfterMs, async () => {
    const info = await openStream(manager, events)
    await openSnapshotStream(manager, snapshots)
    return info
  })
}
