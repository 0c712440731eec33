import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { createInbox } from '@nats-io/nats-core'
import { type NatsServer, startNatsServer } from '../test-support/nats-server.ts'
import { SampleStream, until } from '../test-support/sample-stream.ts'
import { priorityGroup } from './deliveries.ts'

let server: NatsServer

before(async () => {
  server = await startNatsServer()
})
after(() => server[Symbol.asyncDispose]())

describe('a durable consumer', { timeout: 60_000 }, () => {
  test('parks a message that another program has terminated: lag does not look healthy while it is lost', async () => {
    await using stream = await SampleStream.open(server)
    const first = await stream.consume({ handler: () => undefined })
    await first.stop()
    await stream.append('a', 'b')
    // A program that does as the consumer does, and terminates what it gets.
    const inbox = createInbox()
    const subscription = stream.connection.subscribe(inbox)
    const request = JSON.stringify({ batch: 1, expires: 5_000_000_000, group: priorityGroup })
    stream.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream.name}.c${stream.name}`, request, { reply: inbox })
    for await (const message of subscription) {
      message.respond('+TERM not for me')
      break
    }
    const seen: string[] = []
    await using consumer = await stream.consume({ handler: ({ eventId }) => void seen.push(eventId) })
    await until('it is parked', async () => (await consumer.lag()).parked === 1 && seen.length === 1)
    assert.deepEqual(seen, ['b-1'])
    const [parked] = await consumer.listParked()
    assert.equal(parked?.failure?.message, 'It was not handled: another program has terminated it (not for me).')
    assert.equal((await consumer.lag()).exhausted, 0)
  })

  test('parks a message that the server gave up after deliveries without an answer', async () => {
    await using stream = await SampleStream.open(server)
    const first = await stream.consume({ handler: () => undefined })
    await first.stop()
    const name = `c${stream.name}`
    const { consumers } = await jetstreamManager(stream.connection)
    await consumers.update(stream.name, name, { max_deliver: 1 })
    await stream.append('a', 'b')
    const inbox = createInbox()
    const subscription = stream.connection.subscribe(inbox)
    const request = JSON.stringify({ batch: 1, expires: 5_000_000_000, group: priorityGroup })
    stream.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream.name}.${name}`, request, { reply: inbox })
    for await (const message of subscription) {
      message.respond('-NAK')
      break
    }
    const seen: string[] = []
    await using consumer = await stream.consume({ handler: ({ eventId }) => void seen.push(eventId) })
    await until('it is parked', async () => (await consumer.lag()).parked === 1 && seen.length === 1)
    const [parked] = await consumer.listParked()
    assert.match(parked?.failure?.message ?? '', /the server gave it up after 1 deliveries without an answer/)
    await consumer.retry({ lane: parked?.lane ?? '' })
    await until('it is handled', async () => (await consumer.lag()).total === 0)
    assert.deepEqual(seen, ['b-1', 'a-1'])
  })

  test('parks an event that ended its process each time it was handled', async () => {
    await using stream = await SampleStream.open(server)
    await (await stream.consume({ handler: () => undefined })).stop()
    await stream.append('a')
    const inbox = createInbox()
    const request = JSON.stringify({ batch: 3, expires: 5_000_000_000, group: priorityGroup })
    let handedOut = 0
    stream.connection.subscribe(inbox, {
      max: 3,
      callback: (_error, message) => {
        handedOut++
        message.respond('-NAK')
      },
    })
    stream.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream.name}.c${stream.name}`, request, { reply: inbox })
    await until('it was handed out three times', () => handedOut === 3)
    await using consumer = await stream.consume({ maxDeliveries: 3, handler: () => assert.fail('it is not handled') })
    await until('it is parked', async () => (await consumer.lag()).parked === 1)
    assert.match((await consumer.listParked())[0]?.failure?.message ?? '', /handed out 4 times and never finished/)
  })
})
