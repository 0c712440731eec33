import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type DomainEventEnvelope,
  defineAggregate,
  definePublication,
  MemoryEventStore,
  MemoryProgressStore,
  ProcessorRunner,
  PublishingProcessor,
  type UnpublishableEventsError,
} from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { type NatsServer, startNatsServer } from '../test-support/nats-server.ts'
import { decodeEventMessage, eventCodecs } from '../wire/event-codecs.ts'
import { personCreated } from '../wire/sample-wire.test.ts'
import { NatsEventPublisher, type NatsEventPublisherOptions } from './nats-event-publisher.ts'

let server: NatsServer
let connection: NatsConnection

before(async () => {
  server = await startNatsServer()
  connection = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
})
after(async () => {
  await connection.close()
  await server[Symbol.asyncDispose]()
})

function open(prefix: string, more: Partial<NatsEventPublisherOptions> = {}): Promise<NatsEventPublisher> {
  return NatsEventPublisher.open({ connection, subjectPrefix: prefix, stream: { name: prefix }, ...more })
}

function eventOf(aggregateId: string, sequence: number, eventData: unknown = sequence): DomainEventEnvelope {
  const eventId = `${aggregateId}-${sequence}`
  return { ...personCreated, eventId, aggregateId, sequence, position: sequence, eventData }
}

/** Everything that a stream holds, in its order. */
async function messagesIn(stream: string) {
  const { streams } = await jetstreamManager(connection)
  const { messages } = (await streams.info(stream)).state
  return Promise.all(
    Array.from({ length: messages }, async (_, index) => {
      const message = await streams.getMessage(stream, { seq: index + 1 })
      assert.ok(message)
      const headers = Object.fromEntries([...message.header].map(([name, [value = '']]) => [name, value]))
      return { subject: message.subject, headers, body: message.data }
    }),
  )
}

async function errorOf(work: Promise<unknown>, code: string): Promise<Error> {
  const error = await work.then(
    () => assert.fail('it should have failed'),
    (cause: unknown) => cause as Error,
  )
  assert.equal((error as { code?: unknown }).code, code, String(error.stack))
  return error
}

describe('the NATS event publisher', () => {
  test('publishes in every form to the subject of the event, under its id', async () => {
    for (const codec of Object.values(eventCodecs)) {
      const publisher = await open(`form-${codec.codecName}`, { codec: codec.codecName })
      const events = [personCreated, { ...eventOf('a. *>é "', 1), metadata: {} }]
      await publisher.publish(events)
      const messages = await messagesIn(`form-${codec.codecName}`)
      assert.deepEqual(messages.map(({ subject }) => subject).sort(), [
        `form-${codec.codecName}.events.Person.PersonCreated.018f3c5e-7a00-7000-8000-0000000000ad.1`,
        `form-${codec.codecName}.events.Person.PersonCreated.a%2E%20%2A%3E%C3%A9%20%22.1`,
      ])
      const first = messages.find(({ headers }) => headers['Nats-Msg-Id'] === personCreated.eventId)
      assert.equal(first?.headers['X-Correlation-ID'], personCreated.metadata.correlationId)
      const byId = (one: DomainEventEnvelope, other: DomainEventEnvelope) => one.eventId.localeCompare(other.eventId)
      assert.deepEqual(messages.map(decodeEventMessage).sort(byId), events.sort(byId))
    }
  })

  test('keeps the order of each aggregate, and stores nothing twice', async () => {
    const publisher = await open('order', { maxInFlight: 16 })
    const events = Array.from({ length: 600 }, (_, index) => eventOf(`a-${index % 20}`, Math.floor(index / 20) + 1))
    await publisher.publish(events)
    await publisher.publish(events)
    const stored = (await messagesIn('order')).map(decodeEventMessage)
    assert.equal(stored.length, 600)
    for (let id = 0; id < 20; id++) {
      const sequences = stored.filter(({ aggregateId }) => aggregateId === `a-${id}`).map(({ sequence }) => sequence)
      assert.deepEqual(
        sequences,
        Array.from({ length: 30 }, (_, index) => index + 1),
      )
    }
  })

  test('sends no event before the one in front of it is acknowledged, so that a lost message changes no order', async () => {
    await open('lost')
    let isLost = false
    const lossy = new Proxy(connection, {
      get(target, name) {
        if (name !== 'request') return Reflect.get(target, name, target) as unknown
        return (...request: Parameters<NatsConnection['request']>) => {
          if (isLost || !request[0].endsWith('.a.2')) return target.request(...request)
          isLost = true
          return Promise.reject(new Error('The connection was cut.'))
        }
      },
    })
    const publisher = await open('lost', { connection: lossy })
    const events = [eventOf('a', 1), eventOf('a', 2), eventOf('a', 3), eventOf('b', 1)]
    assert.match((await errorOf(publisher.publish(events), 'store-unavailable')).message, /connection was cut/)
    await publisher.publish(events)
    const sequences = (await messagesIn('lost'))
      .map(decodeEventMessage)
      .filter(({ aggregateId }) => aggregateId === 'a')
    assert.deepEqual(
      sequences.map(({ sequence }) => sequence),
      [1, 2, 3],
    )
  })

  test('takes a repeat that the server does not remember for what it is, and another event under its subject for a mistake', async () => {
    const publisher = await open('repeats')
    const { streams } = await jetstreamManager(connection)
    await streams.update('repeats', { duplicate_window: 100_000_000 })
    await publisher.publish([eventOf('a', 1)])
    for (;;) {
      // Until the server has forgotten the id, it acknowledges the repeat by itself.
      const reply = await connection.request('repeats.events.Person.PersonCreated.a.1', '{}', {
        headers: idHeader('a-1'),
        timeout: 2000,
      })
      if ((reply.json() as { error?: unknown }).error !== undefined) break
    }
    await publisher.publish([eventOf('a', 1), eventOf('b', 1)])
    const other = { ...eventOf('a', 1), eventId: 'other' }
    const error = await errorOf(publisher.publish([other, eventOf('a', 2), eventOf('b', 2)]), 'unpublishable-events')
    const { failures } = error as UnpublishableEventsError
    assert.deepEqual(
      failures.map(({ event }) => event),
      [other],
    )
    assert.match(
      String(failures[0]?.error),
      /Event 1 of Person "a" cannot be published: another event stands under repeats\.events/,
    )
    assert.deepEqual(
      (await messagesIn('repeats')).map(({ headers }) => headers['Nats-Msg-Id']),
      ['a-1', 'b-1', 'b-2'],
    )
  })

  test('holds back what is too large or does not fit the form, with what is behind it, and publishes the rest', async () => {
    const publisher = await open('sizes', { codec: 'serde' })
    const { streams } = await jetstreamManager(connection)
    await streams.update('sizes', { max_msg_size: 100_000 })
    const events = [
      eventOf('huge', 1, 'x'.repeat(2_000_000)),
      eventOf('large', 1, 'x'.repeat(200_000)),
      { ...eventOf('old', 1), timestamp: '1950-01-01T00:00:00.000Z' },
      ...['huge', 'large', 'old', 'fine'].map((id) => eventOf(id, id === 'fine' ? 1 : 2)),
    ]
    const { failures } = (await errorOf(publisher.publish(events), 'unpublishable-events')) as UnpublishableEventsError
    const why = new Map(failures.map(({ event, error }) => [event.aggregateId, String(error)]))
    assert.match(why.get('huge') ?? '', /takes \d+ bytes as a message, the server accepts 1048576/)
    assert.match(why.get('large') ?? '', /larger than its stream accepts \(10054/)
    assert.match(why.get('old') ?? '', /does not fit the form serde: .*1970/)
    assert.deepEqual(
      [why.size, (await messagesIn('sizes')).map(({ headers }) => headers['X-Aggregate-ID'])],
      [3, ['fine']],
    )
  })

  test('says what is missing or wrong', async () => {
    const none = await errorOf(NatsEventPublisher.open({ connection, subjectPrefix: 'none' }), 'store-unavailable')
    assert.match(none.message, /No stream takes none\.events\.>.*Make one, or name one in the option 'stream'/)
    for (const wrong of [
      { codec: 'xml' },
      { codec: 'toString' },
      { subjectPrefix: 'a.*' },
      { maxInFlight: 0 },
      { colour: 1 },
    ]) {
      await errorOf(NatsEventPublisher.open({ connection, ...(wrong as object) }), 'invalid-option')
    }
    const publisher = await open('gone', { ackTimeoutMs: 2000 })
    await (await jetstreamManager(connection)).streams.delete('gone')
    const error = await errorOf(publisher.publish([eventOf('a', 1)]), 'store-unavailable')
    assert.match(error.message, /was not acknowledged .* that a stream takes gone\.events\.Person\.PersonCreated\.a\.1/)
  })

  test('is not taken in by a service that answers in the place of JetStream', async () => {
    const publisher = await open('fooled')
    await (await jetstreamManager(connection)).streams.delete('fooled')
    const subscription = connection.subscribe('fooled.>', { callback: (_, message) => void message.respond('null') })
    const error = await errorOf(publisher.publish([eventOf('a', 1)]), 'store-unavailable')
    assert.match(error.message, /by something else than JetStream: null/)
    subscription.unsubscribe()
  })

  test('relays an event store through restarts of the server: nothing is lost, and nothing out of order', async () => {
    const publisher = await open('relay', { ackTimeoutMs: 1000, maxInFlight: 8 })
    const person = defineAggregate('Person', {
      events: {},
      commands: {},
      initialState: null,
      decide: {},
      apply: {},
    } as never)
    const publication = definePublication('Relay', { from: [person as never], to: publisher })
    const [eventStore, progressStore] = [new MemoryEventStore(), new MemoryProgressStore()]
    const append = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: 10 }, (_, id) =>
          eventStore.appendEvents(
            { aggregateType: 'Person', aggregateId: `p-${id}` },
            Array.from({ length: to - from }, (__, index) => ({ eventType: 'PersonCreated', eventData: from + index })),
            { expectedVersion: from },
          ),
        ),
      )
    const failures = { retryDelay: { firstMs: 10, mostMs: 50 } }
    const create = () =>
      new ProcessorRunner({
        eventStore,
        processor: new PublishingProcessor(publication, progressStore),
        failures,
        batchSize: 50,
      })
    const one = create()
    await one.start()
    await append(0, 20)
    await server.kill()
    await append(20, 40)
    await server.start()
    await one.drain()
    await one.stop()
    const other = create()
    await append(40, 50)
    await other.start()
    await other.drain()
    await other.stop()
    const stored = (await messagesIn('relay')).map(decodeEventMessage)
    assert.equal(stored.length, 500)
    for (let id = 0; id < 10; id++) {
      const sequences = stored.filter(({ aggregateId }) => aggregateId === `p-${id}`).map(({ sequence }) => sequence)
      assert.deepEqual(
        sequences,
        Array.from({ length: 50 }, (_, index) => index + 1),
      )
    }
    assert.deepEqual((await progressStore.listDeadLetters('Relay')).sequences, [])
  })
})

function idHeader(id: string) {
  const result = headers()
  result.set('Nats-Msg-Id', id)
  return result
}
