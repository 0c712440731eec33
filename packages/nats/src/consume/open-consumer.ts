/** Makes the durable consumer, or checks the one that is there. */

import { InvalidOptionError, StoreUnavailableError } from '@cim/core'
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamManager,
  type PriorityPolicy,
  ReplayPolicy,
} from '@nats-io/jetstream'
import type { CheckedConsumerOptions } from './consumer-options.ts'
import { priorityGroup } from './deliveries.ts'

const consumerNotFound = 10_014
const nanosPerMs = 1_000_000
const oneAtATime: PriorityPolicy = 'pinned_client'

/**
 * @returns how many servers keep the stream
 * @throws {InvalidOptionError} when a consumer of that name reads other events, or in another way
 * @throws {StoreUnavailableError} when there is no such stream, or this user may not use it
 */
export async function openConsumer(manager: JetStreamManager, options: CheckedConsumerOptions): Promise<number> {
  const { streamName, name } = options
  try {
    const { config } = await manager.streams.info(streamName)
    const existing = await infoOf(manager, options)
    if (existing === undefined) await manager.consumers.add(streamName, wantedConfig(options))
    else {
      checkExisting(options, existing)
      const limits = limitsOf(options)
      const isSame =
        existing.config.ack_wait === limits.ack_wait && existing.config.max_ack_pending === limits.max_ack_pending
      if (!isSame) await manager.consumers.update(streamName, name, limits)
    }
    return config.num_replicas
  } catch (cause) {
    if (cause instanceof InvalidOptionError) throw cause
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new StoreUnavailableError(
      `NATS: the durable consumer ${name} of the stream ${streamName} cannot be opened (${said}). Check that the stream exists and ` +
        'that this user may use it: docs/nats.md lists the permissions.',
      { cause },
    )
  }
}

async function infoOf(manager: JetStreamManager, options: CheckedConsumerOptions): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(options.streamName, options.name)
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === consumerNotFound) return undefined
    throw error
  }
}

function limitsOf({ ackWaitMs, maxInFlight }: CheckedConsumerOptions): Partial<ConsumerConfig> {
  return { ack_wait: ackWaitMs * nanosPerMs, max_ack_pending: maxInFlight }
}

function wantedConfig(options: CheckedConsumerOptions): Partial<ConsumerConfig> {
  return {
    ...limitsOf(options),
    durable_name: options.name,
    filter_subjects: [...options.filterSubjects],
    deliver_policy: options.from === 'start' ? DeliverPolicy.All : DeliverPolicy.New,
    replay_policy: ReplayPolicy.Instant,
    ack_policy: AckPolicy.Explicit,
    // The server never gives a message up: whoever handles it parks it.
    max_deliver: -1,
    priority_groups: [priorityGroup],
    priority_policy: oneAtATime,
    priority_timeout: options.takeOverAfterMs * nanosPerMs,
  }
}

function checkExisting({ name, filterSubjects }: CheckedConsumerOptions, { config }: ConsumerInfo): void {
  const filters = config.filter_subjects ?? [config.filter_subject ?? '>']
  if ([...filters].sort().join(' ') !== [...filterSubjects].sort().join(' ')) {
    const found = `the durable consumer ${name} reads ${filters.join(', ')}`
    throw new InvalidOptionError(
      'NatsConsumer',
      'patterns',
      `give ${filterSubjects.join(', ')}, and ${found}: choose another name.`,
    )
  }
  const isOrdered = config.ack_policy === AckPolicy.Explicit && config.priority_policy === oneAtATime
  if (isOrdered) return
  const message = `names a durable consumer that was made by another program, and cannot keep the order: choose another name than ${name}.`
  throw new InvalidOptionError('NatsConsumer', 'name', message)
}
