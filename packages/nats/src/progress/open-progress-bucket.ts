/** Makes the bucket of the processors, or checks the one that is there. */

import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { findOrMake, whileServersStart } from '../stream/open-stream.ts'
import { UnsafeStreamError } from '../stream/unsafe-stream-error.ts'
import type { CheckedProgressOptions } from './progress-options.ts'
import { bucketSettings, compareBucket } from './progress-settings.ts'

/** @returns the name of the stream behind a bucket */
export function bucketStream(bucket: string): string {
  return `KV_${bucket}`
}

/**
 * @returns the bucket's stream, as it is
 * @throws {UnsafeStreamError} when it can lose progress and the caller has not accepted that
 * @throws {StoreUnavailableError} when JetStream does not answer, or refuses
 */
export async function openProgressBucket(
  connection: NatsConnection,
  options: CheckedProgressOptions,
): Promise<StreamInfo> {
  const { bucket, allowUnsafe, requestTimeoutMs, giveUpAfterMs } = options
  const { cluster, version = 'unknown' } = connection.info ?? {}
  const replicas = options.replicas ?? (cluster === undefined ? 1 : 3)
  const wanted = { name: bucketStream(bucket), subjects: [`$KV.${bucket}.>`], replicas }
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: requestTimeoutMs })
  const info = await whileServersStart(giveUpAfterMs, () => findOrMake(manager, bucketSettings(wanted)))
  const refused = compareBucket(info.config, wanted, version).filter(
    ({ setting, isImpossible }) => isImpossible || !allowUnsafe.includes(setting),
  )
  if (refused.length > 0) throw new UnsafeStreamError(wanted.name, refused, 'the progress of processors')
  return info
}
