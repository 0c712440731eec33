/** Publishes events to a JetStream stream. */

import {
  aggregateKey,
  checkOptions,
  checkWholeNumber,
  type DomainEventEnvelope,
  type EventFailure,
  type EventPublisher,
  InvalidOptionError,
  UnpublishableEventsError,
} from '@cim/core'
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core'
import { toToken } from '../messages/event-subject.ts'
import type { EventCodec } from '../wire/event-codec.ts'
import { eventCodecs } from '../wire/event-codecs.ts'
import { encodeHeader, type WireMessage } from '../wire/wire-message.ts'
import { JetStreamPublish, UnpublishableError } from './jetstream-publish.ts'
import { ensureStream, type PublishedStream } from './published-stream.ts'

/** Options of {@link NatsEventPublisher.open}. */
export interface NatsEventPublisherOptions {
  /** It stays open when the publisher is no longer used. */
  readonly connection: NatsConnection
  /** Stands before all subjects: `shop` gives `shop.events.>`. */
  readonly subjectPrefix?: string
  /** The wire form: `json` (when left out), `serde`, `cloudevents`, `cloudevents-binary`, or one of your own. */
  readonly codec?: EventCodec['codecName'] | EventCodec
  /** Makes the stream when there is none for these subjects. Left out, it must be there. */
  readonly stream?: PublishedStream
  /** How many publishes wait for their acknowledgment at once, of different aggregates each; 256 when left out. */
  readonly maxInFlight?: number
  /** How long the server may take to acknowledge one; 5,000 ms when left out. */
  readonly ackTimeoutMs?: number
}

const subject = 'NatsEventPublisher'
const prefixPattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

/**
 * Subjects are `events.<Type>.<EventType>.<aggregateId>.<sequence>`, message ids are event ids. An event is published when the
 * one in front of it, of its aggregate, has been acknowledged: not even a lost message changes their order.
 * @see the mission's heading "Event Publishing"
 */
export class NatsEventPublisher implements EventPublisher {
  readonly #publish: JetStreamPublish
  readonly #codec: EventCodec
  readonly #prefix: string
  readonly #maxInFlight: number

  private constructor(publish: JetStreamPublish, codec: EventCodec, prefix: string, maxInFlight: number) {
    this.#publish = publish
    this.#codec = codec
    this.#prefix = prefix
    this.#maxInFlight = maxInFlight
  }

  /**
   * @throws {InvalidOptionError} when an option is unknown or not acceptable
   * @throws {StoreUnavailableError} when JetStream does not answer, or no stream takes the events
   */
  static async open(options: NatsEventPublisherOptions): Promise<NatsEventPublisher> {
    checkOptions(subject, options, ['connection', 'subjectPrefix', 'codec', 'stream', 'maxInFlight', 'ackTimeoutMs'])
    const { connection, subjectPrefix, codec = 'json', stream, maxInFlight = 256, ackTimeoutMs = 5000 } = options
    if (subjectPrefix !== undefined && !prefixPattern.test(subjectPrefix)) {
      const expected = "must be tokens of letters, digits, '_' or '-' with dots between them"
      throw new InvalidOptionError(subject, 'subjectPrefix', `${expected}, got ${JSON.stringify(subjectPrefix)}.`)
    }
    const found =
      typeof codec === 'string' ? (Object.hasOwn(eventCodecs, codec) ? eventCodecs[codec] : undefined) : codec
    if (found === undefined) {
      const known = Object.keys(eventCodecs).join(', ')
      throw new InvalidOptionError(subject, 'codec', `is unknown: ${JSON.stringify(codec)}. Known: ${known}.`)
    }
    checkWholeNumber(subject, 'maxInFlight', maxInFlight, { least: 1 })
    checkWholeNumber(subject, 'ackTimeoutMs', ackTimeoutMs, { least: 1 })
    const prefix = subjectPrefix === undefined ? '' : `${subjectPrefix}.`
    await ensureStream(connection, `${prefix}events.>`, stream)
    return new NatsEventPublisher(new JetStreamPublish(connection, ackTimeoutMs), found, prefix, maxInFlight)
  }

  /** @see {@link EventPublisher.publish} */
  async publish(
    events: readonly DomainEventEnvelope[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const failures: EventFailure[] = []
    let failure: { readonly error: unknown } | undefined
    const lanes = lanesOf(events).values()
    const work = async (): Promise<void> => {
      for (const lane of lanes) {
        for (const event of lane) {
          if (failure !== undefined) return
          try {
            signal?.throwIfAborted()
            await this.#publishOne(event)
          } catch (error) {
            if (error instanceof UnpublishableError) failures.push({ event, error })
            else failure ??= { error }
            break
          }
        }
      }
    }
    // Every publish under way is waited for: none of this batch comes after one of the next.
    await Promise.all(Array.from({ length: Math.min(this.#maxInFlight, events.length) }, work))
    if (failure !== undefined) throw failure.error
    if (failures.length > 0) throw new UnpublishableEventsError(failures)
  }

  async #publishOne(event: DomainEventEnvelope): Promise<void> {
    const { aggregateType, eventType, sequence } = event
    let message: WireMessage
    try {
      message = this.#codec.encode(event)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new UnpublishableError(`${describe(event)} does not fit the form ${this.#codec.codecName}: ${why}`, {
        cause,
      })
    }
    const id = toToken(event.aggregateId)
    const to = `${this.#prefix}events.${aggregateType}.${eventType}.${id}.${sequence}`
    const more = toHeaders(message)
    if (more.get('Nats-Msg-Id') === '') more.set('Nats-Msg-Id', encodeHeader(event.eventId))
    await this.#publish.publish(to, message.body, more, describe(event))
  }
}

/** Events of one aggregate are one lane, in their order. */
function lanesOf(events: readonly DomainEventEnvelope[]): ReadonlyMap<string, readonly DomainEventEnvelope[]> {
  const lanes = new Map<string, DomainEventEnvelope[]>()
  for (const event of events) {
    const key = aggregateKey(event)
    const lane = lanes.get(key)
    if (lane === undefined) lanes.set(key, [event])
    else lane.push(event)
  }
  return lanes
}

function describe({ aggregateType, aggregateId, sequence }: DomainEventEnvelope): string {
  return `Event ${sequence} of ${aggregateType} ${JSON.stringify(aggregateId)}`
}

function toHeaders(message: WireMessage): MsgHdrs {
  const result = headers()
  for (const [name, value] of Object.entries(message.headers)) result.set(name, value)
  return result
}
