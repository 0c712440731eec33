/** The stream that keeps published events. */

import { checkOptions, StoreUnavailableError } from '@cim/core'
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'

/** A stream to make when there is none. */
export interface PublishedStream {
  readonly name: string
  /** How many servers keep each event; 1 when left out. */
  readonly replicas?: number
}

/**
 * @param subjects that must be taken by a stream
 * @param wanted to be made when none is there
 * @throws {StoreUnavailableError} when JetStream does not answer, or no stream takes the subjects
 */
export async function ensureStream(
  connection: NatsConnection,
  subjects: string,
  wanted: PublishedStream | undefined,
): Promise<void> {
  checkOptions('NatsEventPublisher.stream', wanted, ['name', 'replicas'])
  try {
    const { streams } = await jetstreamManager(connection)
    const names: string[] = []
    for await (const name of streams.names(subjects)) names.push(name)
    if (names.length > 0) return
    if (wanted !== undefined) {
      await streams.add({
        name: wanted.name,
        subjects: [subjects],
        num_replicas: wanted.replicas ?? 1,
        storage: StorageType.File,
        // Nothing expires, and an event that comes a second time, at any age, is refused: each has a subject of its own.
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.New,
        max_msgs_per_subject: 1,
        discard_new_per_subject: true,
        allow_direct: true,
      })
      return
    }
  } catch (cause) {
    throw new StoreUnavailableError(
      `JetStream did not say which stream takes ${subjects} (${(cause as Error).message}). Check that it is enabled on the ` +
        "servers, and that this user may use its API; or that the name of 'stream' is not taken by another.",
      { cause },
    )
  }
  throw new StoreUnavailableError(
    `No stream takes ${subjects}: events published there would be lost. Make one, or name one in the option 'stream'.`,
  )
}
