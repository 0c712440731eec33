/** A stream with events of accounts, for the tests of consumers. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { DomainEventEnvelope } from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import type { NatsConsumerOptions } from '../consume/consumer-options.ts'
import { NatsConsumer } from '../consume/nats-consumer.ts'
import { jsonEventCodec } from '../wire/json-event-codec.ts'
import type { NatsServer } from './nats-server.ts'

let count = 0

/** A stream of its own on a server. */
export class SampleStream implements AsyncDisposable {
  readonly name = `E${process.pid}-${++count}`
  readonly server: NatsServer
  readonly connection: NatsConnection
  readonly #sequences = new Map<string, number>()

  /** The server that led the stream when it was made. */
  leader: string | undefined

  static async open(
    server: NatsServer,
    { servers = [server.url], replicas = 1 }: { readonly servers?: readonly string[]; readonly replicas?: number } = {},
  ): Promise<SampleStream> {
    const options = { maxReconnectAttempts: -1, reconnectTimeWait: 50 }
    const stream = new SampleStream(server, await connect({ servers: [...servers], ...options }))
    const { streams } = await jetstreamManager(stream.connection)
    const { name } = stream
    const info = await streams.add({ name, subjects: [`${name}.events.>`], num_replicas: replicas, allow_direct: true })
    stream.leader = info.cluster?.leader
    return stream
  }

  private constructor(server: NatsServer, connection: NatsConnection) {
    this.server = server
    this.connection = connection
  }

  /** Options of a consumer whose faults are seen quickly. */
  options(more: Partial<NatsConsumerOptions> & Pick<NatsConsumerOptions, 'handler'>): NatsConsumerOptions {
    return {
      connect: { servers: this.server.url },
      name: `c${this.name}`,
      streamName: this.name,
      subjectPrefix: this.name,
      patterns: 'events.>',
      ackWaitMs: 1500,
      takeOverAfterMs: 500,
      failures: { maxAttempts: 3, retryDelay: { firstMs: 1, mostMs: 10 } },
      ...more,
    }
  }

  consume(more: Partial<NatsConsumerOptions> & Pick<NatsConsumerOptions, 'handler'>): Promise<NatsConsumer> {
    return NatsConsumer.open(this.options(more))
  }

  /** @returns how many events each aggregate has */
  counts(): readonly (readonly [aggregateId: string, count: number])[] {
    return [...this.#sequences]
  }

  /** Appends the next event of each aggregate that is named, in that order. */
  async append(...aggregateIds: readonly string[]): Promise<void> {
    for (const aggregateId of aggregateIds) {
      const sequence = (this.#sequences.get(aggregateId) ?? 0) + 1
      const { headers: named, body } = jsonEventCodec.encode(sampleEvent(aggregateId, sequence))
      const all = headers()
      for (const [name, value] of Object.entries(named)) all.set(name, value)
      await this.publish(`events.Account.Deposited.${aggregateId}.${sequence}`, body, all)
      this.#sequences.set(aggregateId, sequence)
    }
  }

  /** Publishes whatever is given, and awaits that it is stored. */
  async publish(subject: string, body: string | Uint8Array, all = headers()): Promise<void> {
    const reply = await this.connection.request(`${this.name}.${subject}`, body, { timeout: 5000, headers: all })
    const { error } = reply.json<{ error?: unknown }>()
    if (error !== undefined) throw new Error(JSON.stringify(error))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close()
  }
}

function sampleEvent(aggregateId: string, sequence: number): DomainEventEnvelope {
  const event = {
    aggregateType: 'Account',
    aggregateId,
    sequence,
    position: 1,
    eventType: 'Deposited',
    schemaVersion: 1,
  }
  const rest = { eventData: { amount: sequence }, metadata: {}, timestamp: '2026-01-01T00:00:00.000Z' }
  return { eventId: `${aggregateId}-${sequence}`, ...event, ...rest }
}

/** Waits until a condition holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  for (const end = performance.now() + withinMs; !(await holds()); ) {
    if (performance.now() > end) throw new Error(`It did not come to pass in ${withinMs} ms that ${what}.`)
    await sleep(10)
  }
}
