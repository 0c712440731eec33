/** Options of the progress store on JetStream. */

import { checkOptions, checkWholeNumber, InvalidOptionError } from '@cim/core'
import type { JetStreamEventStoreOptions } from '../jetstream-options.ts'
import { acceptableBucketSettings } from './progress-settings.ts'

/** Options of {@link JetStreamProgressStore.open}. Those that the event store has, too, mean the same here. */
export interface JetStreamProgressStoreOptions
  extends Pick<
    JetStreamEventStoreOptions,
    'servers' | 'connect' | 'connection' | 'replicas' | 'requestTimeoutMs' | 'giveUpAfterMs'
  > {
  /** The bucket to keep progress in, the stream `KV_<bucket>`; `PROCESSING` when left out. It is made when it does not exist. */
  readonly bucket?: string
  /** Settings of the bucket that are less safe than wanted, and accepted as they are. */
  readonly allowUnsafe?: readonly string[]
}

/** {@link JetStreamProgressStoreOptions} with defaults filled in. */
export interface CheckedProgressOptions extends JetStreamProgressStoreOptions {
  readonly bucket: string
  readonly allowUnsafe: readonly string[]
  readonly requestTimeoutMs: number
  readonly giveUpAfterMs: number
}

const subject = 'JetStreamProgressStore'
const bucketPattern = /^[A-Za-z0-9_-]{1,200}$/

/** @throws {InvalidOptionError} when one of them is not acceptable */
export function checkProgressOptions(options: JetStreamProgressStoreOptions): CheckedProgressOptions {
  checkOptions(subject, options, [
    'servers',
    'connect',
    'connection',
    'bucket',
    'replicas',
    'allowUnsafe',
    'requestTimeoutMs',
    'giveUpAfterMs',
  ])
  const { servers, connection, bucket = 'PROCESSING', replicas, allowUnsafe = [] } = options
  if ((servers === undefined) === (connection === undefined)) {
    throw new InvalidOptionError(subject, 'servers', 'or connection must be given, and not both.')
  }
  if (!bucketPattern.test(bucket)) {
    const message = `must be letters, digits, '_' or '-', got ${JSON.stringify(bucket)}.`
    throw new InvalidOptionError(subject, 'bucket', message)
  }
  if (replicas !== undefined) checkWholeNumber(subject, 'replicas', replicas, { least: 1, most: 5 })
  for (const setting of allowUnsafe) {
    if (acceptableBucketSettings.includes(setting)) continue
    const known = acceptableBucketSettings.join(', ')
    throw new InvalidOptionError(subject, 'allowUnsafe', `has the unknown setting ${setting}. Known: ${known}.`)
  }
  const whole = (name: 'requestTimeoutMs' | 'giveUpAfterMs', otherwise: number): number =>
    checkWholeNumber(subject, name, options[name] ?? otherwise, { least: 1 })
  return {
    ...options,
    bucket,
    allowUnsafe,
    requestTimeoutMs: whole('requestTimeoutMs', 2000),
    giveUpAfterMs: whole('giveUpAfterMs', 30_000),
  }
}
