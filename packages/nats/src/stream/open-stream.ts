/** Makes a stream, or checks the one that is there. */

import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailableError } from '@cim/core'
import {
  DiscardPolicy,
  JetStreamApiError,
  JetStreamError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream'
import { errors } from '@nats-io/nats-core'
import { compareStream, type StreamSettings, streamSettings, type WantedStream } from './stream-settings.ts'
import { UnsafeStreamError } from './unsafe-stream-error.ts'

/** What {@link openStream} is asked for. */
export interface OpenStreamRequest extends WantedStream {
  readonly serverVersion: string
  /** Settings that the caller accepts as they are. */
  readonly allowUnsafe: readonly string[]
}

const streamNotFound = 10_059
const nameInUse = 10_058
/** Servers that have just been started have not found each other yet. */
const noSuitablePeers = 10_005
/** A server could not make the files of a stream just now; it does not say why. Seen on a busy machine, once in thousands of streams. */
const noStore = 10_077
const pauseMs = 100
/** A server without JetStream looks like one that is just starting it. */
const longestStartMs = 10_000

/**
 * Tries again while the servers have no leader, or have not found each other.
 * @param open asks for a stream, or makes it
 */
export async function whileServersStart<TResult>(
  giveUpAfterMs: number,
  open: () => Promise<TResult>,
): Promise<TResult> {
  const start = performance.now()
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (performance.now() - start > patienceWith(error, giveUpAfterMs)) throw error
      await sleep(pauseMs)
    }
  }
}

/** @returns how long to try again; not at all after an error with a cause that does not go away by itself */
function patienceWith(error: unknown, giveUpAfterMs: number): number {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  if (cause instanceof JetStreamApiError) {
    if (cause.code === noStore) return Math.min(giveUpAfterMs, longestStartMs)
    return cause.status === 503 || cause.code === noSuitablePeers ? giveUpAfterMs : 0
  }
  if (cause instanceof errors.TimeoutError) return giveUpAfterMs
  return cause instanceof JetStreamError || isUnanswered(cause) ? Math.min(giveUpAfterMs, longestStartMs) : 0
}

function isUnanswered(error: unknown): boolean {
  return (
    error instanceof errors.NoRespondersError ||
    (error instanceof Error && error.cause instanceof errors.NoRespondersError)
  )
}

/**
 * @returns the stream, as it is
 * @throws {UnsafeStreamError} when it can lose events and the caller has not accepted that
 * @throws {StoreUnavailableError} when it cannot be made or asked for
 */
export async function openStream(manager: JetStreamManager, wanted: OpenStreamRequest): Promise<StreamInfo> {
  const info = await findOrMake(manager, streamSettings(wanted))
  const differences = compareStream(info.config, wanted, wanted.serverVersion)
  const refused = differences.filter(
    ({ setting, isImpossible }) => isImpossible || !wanted.allowUnsafe.includes(setting),
  )
  if (refused.length > 0) throw new UnsafeStreamError(wanted.name, refused)
  return info
}

/** Who may not make streams can use those that somebody else has made. @throws {StoreUnavailableError} when it can do neither */
export async function findOrMake(manager: JetStreamManager, settings: StreamSettings): Promise<StreamInfo> {
  const { name } = settings
  try {
    return await manager.streams.info(name)
  } catch (error) {
    if (codeOf(error) !== streamNotFound) throw unavailable(name, 'asked for', error)
  }
  try {
    return await manager.streams.add(settings)
  } catch (error) {
    // Another process was faster, perhaps with other settings.
    if (codeOf(error) === nameInUse) return manager.streams.info(name)
    throw unavailable(name, 'made', error)
  }
}

/** @returns the server's number of an error, undefined when it is another's */
export function codeOf(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined
}

function unavailable(stream: string, doing: string, cause: unknown): Error {
  const said = cause instanceof Error ? cause.message : String(cause)
  return new StoreUnavailableError(
    `JetStream: the stream ${stream} could not be ${doing} (${said}). Check that the servers have JetStream enabled, that as many ` +
      'of them run as replicas are wanted, and that no other stream has the same subjects.',
    { cause },
  )
}

/** @returns the name of the stream for the snapshots beside a stream of events */
export function snapshotStreamName(streamName: string): string {
  return `${streamName}-snapshots`
}

/** Makes the stream of snapshots, or takes the one that is there: to lose one costs time, nothing else. */
export async function openSnapshotStream(manager: JetStreamManager, wanted: WantedStream): Promise<void> {
  const { name, subjects, replicas } = wanted
  await findOrMake(manager, {
    name,
    subjects: [...subjects],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    allow_direct: true,
    allow_atomic: true,
    duplicate_window: 1_000_000_000,
  })
}
