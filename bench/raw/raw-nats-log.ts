/** The ceilings over NATS: the same messages, published, loaded and consumed in plain loops over the client. */

import { performance } from 'node:perf_hooks'
import { createUuidGenerator, type DomainEvent, emptyAggregate } from '@cim/core'
import { DeliverPolicy, jetstream } from '@nats-io/jetstream'
import { createInbox, headers, type Msg, type NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { person } from '../domain/person.ts'
import { personEventContent } from '../domain/person-events.ts'
import type { Persons } from '../domain/persons.ts'
import type { NatsStream } from '../stores/nats-stream.ts'

const newId = createUuidGenerator()

interface StoredBody {
  readonly event_type: string
  readonly event_data: unknown
}

/** Knows no versions but those of its persons, remembers nothing, answers nobody, and tries nothing again. */
export class RawNatsLog implements AsyncDisposable {
  readonly #connection: NatsConnection
  readonly #stream: string
  readonly #inbox = createInbox()
  readonly #receivers = new Map<string, (message: Msg) => void>()
  #next = 0

  static async open({ url, name }: NatsStream): Promise<RawNatsLog> {
    return new RawNatsLog(await connect({ servers: url }), name)
  }

  private constructor(connection: NatsConnection, stream: string) {
    this.#connection = connection
    this.#stream = stream
    const start = this.#inbox.length + 1
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error !== null) throw error
        this.#receivers.get(message.subject.slice(start))?.(message)
      },
    })
  }

  /**
   * Publishes one event after the other with its version check, the next one as soon as one is acknowledged.
   * @returns how many were acknowledged each second
   */
  append(persons: Persons, inFlight: number, events: number): Promise<number> {
    const replies = `${this.#inbox}.ack`
    let begun = 0
    let acknowledged = 0
    return new Promise((resolve, reject) => {
      const start = performance.now()
      for (let lane = 0; lane < Math.min(inFlight, events); lane++) {
        const token = `ack${lane}`
        const reply = `${replies}${lane}`
        const publish = (): void => {
          begun++
          this.#publish(persons, persons.choose(lane, inFlight), reply)
        }
        this.#receivers.set(token, (message) => {
          const { seq, error } = message.json<{ readonly seq?: number; readonly error?: unknown }>()
          if (seq === undefined) reject(new Error(`A raw publish was refused: ${JSON.stringify(error)}.`))
          acknowledged++
          if (begun < events) publish()
          else if (acknowledged === events) resolve((events / (performance.now() - start)) * 1000)
        })
        publish()
      }
    })
  }

  #publish(persons: Persons, index: number, reply: string): void {
    const sequence = (persons.versions[index] ?? 0) + 1
    persons.versions[index] = sequence
    const aggregateId = persons.ids[index] ?? ''
    const { eventType, eventData } = personEventContent(sequence, persons.nextContent())
    const command = newId()
    const body = JSON.stringify({
      event_id: newId(),
      aggregate_type: 'Person',
      aggregate_id: aggregateId,
      sequence,
      event_type: eventType,
      schema_version: 1,
      event_data: eventData,
      metadata: { correlation_id: command, causation_id: command, command_id: command },
      timestamp: new Date().toISOString(),
    })
    const all = headers()
    all.set('Nats-Expected-Last-Subject-Sequence', '0')
    all.set('Nats-Expected-Last-Subject-Sequence-Subject', `${this.#stream}.*.Person.*.${aggregateId}.${sequence}`)
    all.set('X-Event-Type', eventType)
    all.set('X-Aggregate-Type', 'Person')
    all.set('X-Aggregate-ID', aggregateId)
    all.set('X-Correlation-ID', command)
    all.set('X-Causation-ID', command)
    const subject = `${this.#stream}.events.Person.${eventType}.${aggregateId}.${sequence}`
    this.#connection.publish(subject, body, { reply, headers: all })
  }

  /** Reads the events of a person from whatever replica answers, and folds them. @returns how many there were */
  load(aggregateId: string): Promise<number> {
    const token = (this.#next++).toString(36)
    return new Promise((resolve, reject) => {
      let { state } = emptyAggregate(person, aggregateId)
      let count = 0
      this.#receivers.set(token, (message) => {
        const status = message.headers?.code ?? 0
        if (status === 0) {
          const { event_type: eventType, event_data: data } = message.json<StoredBody>()
          state = person.apply(state, { eventType, data } as DomainEvent)
          count++
          return
        }
        this.#receivers.delete(token)
        if (status === 204) resolve(count)
        else reject(new Error(`A raw load was answered ${status} ${message.headers?.description}.`))
      })
      const request = { multi_last: [`${this.#stream}.events.Person.*.${aggregateId}.*`], batch: 1000 }
      const subject = `$JS.API.DIRECT.GET.${this.#stream}`
      this.#connection.publish(subject, JSON.stringify(request), { reply: `${this.#inbox}.${token}` })
    })
  }

  /** Reads and parses events in order, from the first on. @param count how many are there */
  async consume(count: number): Promise<void> {
    const filter = `${this.#stream}.events.>`
    const options = { deliver_policy: DeliverPolicy.All, filter_subjects: filter }
    const consumer = await jetstream(this.#connection).consumers.get(this.#stream, options)
    await new Promise<void>((resolve, reject) => {
      let seen = 0
      const callback = (message: { json<T>(): T }): void => {
        if (typeof message.json<StoredBody>().event_type !== 'string') reject(new Error('This is no event.'))
        if (++seen === count) resolve()
      }
      consumer.consume({ callback, max_messages: 5000 }).catch(reject)
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection.close()
  }
}
