import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { type NatsServer, startNatsServer } from '../test-support/nats-server.ts'
import { SampleStream, until } from '../test-support/sample-stream.ts'

let server: NatsServer

before(async () => {
  server = await startNatsServer()
})
after(() => server[Symbol.asyncDispose]())

describe('a durable consumer', { timeout: 60_000 }, () => {
  test('handles what is stored, then what comes, and goes on where it was', async () => {
    await using stream = await SampleStream.open(server)
    await stream.append('a', 'b', 'a')
    const seen: string[] = []
    const handler = (event: { eventId: string }) => void seen.push(event.eventId)
    const first = await stream.consume({ handler })
    await until('the past is handled', () => seen.length === 3)
    await stream.append('a')
    await until('the new event is handled', () => seen.length === 4)
    await first.stop()
    await stream.append('b')
    await using _second = await stream.consume({ handler })
    await until('the last event is handled', () => seen.length === 5)
    assert.deepEqual(
      seen.filter((id) => id.startsWith('a')),
      ['a-1', 'a-2', 'a-3'],
    )
    assert.deepEqual(
      seen.filter((id) => id.startsWith('b')),
      ['b-1', 'b-2'],
    )
  })

  test('reads the events of its pattern alone', async () => {
    await using stream = await SampleStream.open(server)
    await stream.publish('events.Person.PersonCreated.p.1', 'not read')
    await stream.append('a')
    const seen: string[] = []
    await using consumer = await stream.consume({
      patterns: 'events.Account.*',
      handler: (event) => void seen.push(event.eventId),
    })
    await until('it is handled', async () => (await consumer.lag()).total === 0)
    assert.deepEqual(seen, ['a-1'])
  })

  test('parks an event that fails with its error, those behind it too, and goes on with other aggregates', async () => {
    await using stream = await SampleStream.open(server)
    await stream.append('bad', 'good', 'bad', 'good', 'bad')
    const seen: string[] = []
    let attempts = 0
    await using consumer = await stream.consume({
      handler: ({ eventId }) => {
        if (eventId === 'bad-1' && ++attempts < 5) throw new TypeError('no such account')
        seen.push(eventId)
      },
    })
    await until('the bad are parked and the good handled', async () => {
      const { parked, inFlight, pending } = await consumer.lag()
      return parked === 3 && inFlight === 0 && pending === 0 && seen.length === 2
    })
    assert.deepEqual(seen, ['good-1', 'good-2'])
    assert.equal((await consumer.lag()).total, 3)
    const [first, second] = await consumer.listParked()
    assert.deepEqual(
      [first?.state, first?.aggregateId, first?.attempts, first?.failure],
      ['failed', 'bad', 3, { name: 'TypeError', message: 'no such account' }],
    )
    assert.deepEqual([second?.state, second?.eventId, second?.attempts], ['waiting', 'bad-2', 0])
    await stream.append('bad')
    await until('the fourth waits too', async () => (await consumer.lag()).parked === 4)
    await consumer.retry({ lane: first?.lane ?? '' })
    await until('all are handled', async () => (await consumer.lag()).total === 0)
    assert.deepEqual(seen.slice(2), ['bad-1', 'bad-2', 'bad-3', 'bad-4'])
  })

  test('keeps parked events over restarts, and does what was asked while nobody worked', async () => {
    await using stream = await SampleStream.open(server)
    await stream.append('bad', 'bad')
    const seen: string[] = []
    const handler = ({ eventId }: { eventId: string }) => {
      if (eventId === 'bad-1') throw new Error('never')
      seen.push(eventId)
    }
    const first = await stream.consume({ handler })
    await until('both are parked', async () => (await first.lag()).parked === 2)
    const lane = (await first.listParked())[0]?.lane ?? ''
    await first.stop()
    const second = await stream.consume({ handler })
    await stream.append('bad')
    await until('the third is parked behind them', async () => (await second.lag()).parked === 3)
    assert.deepEqual(seen, [])
    await second.discard({ lane, reason: 'sent by mistake' })
    await until('those behind it are handled', async () => (await second.lag()).total === 0)
    assert.deepEqual(seen, ['bad-2', 'bad-3'])
    const [discarded] = await second.listDiscarded()
    assert.deepEqual(
      [discarded?.eventId, discarded?.state, discarded?.reason],
      ['bad-1', 'discarded', 'sent by mistake'],
    )
    await second.stop()
  })

  test('leaves nothing on the server when it is asked for its lag again and again', async () => {
    await using stream = await SampleStream.open(server)
    await using consumer = await stream.consume({ handler: () => undefined })
    for (let count = 0; count < 10; count++) await consumer.lag()
    const { streams } = await jetstreamManager(stream.connection)
    const { state } = await streams.info(`KV_c${stream.name}-parked`)
    // One may watch for what operators ask.
    assert.ok(state.consumer_count <= 1, `there are ${state.consumer_count} consumers`)
  })

  test('refuses to retry what is not parked, and to discard without a reason', async () => {
    await using stream = await SampleStream.open(server)
    await using consumer = await stream.consume({ handler: () => undefined })
    await assert.rejects(
      consumer.retry({ lane: 'Account.x' }),
      /must name a lane of which something is parked, got "Account\.x"/,
    )
    await assert.rejects(
      consumer.discard({ lane: 'Account.x', reason: ' ' }),
      /must be a text of 1 to 1,000 characters/,
    )
  })

  test('parks a message that is no event, and what comes behind it in its aggregate', async () => {
    await using stream = await SampleStream.open(server)
    await stream.publish('events.Account.Deposited.a.1', '{"not": "an event"')
    await stream.publish('events.nobody-knows', 'what this is')
    await stream.append('a', 'b')
    const seen: string[] = []
    await using consumer = await stream.consume({ handler: ({ eventId }) => void seen.push(eventId) })
    await until('all is handled or parked', async () => {
      const { pending, inFlight, parked } = await consumer.lag()
      return pending + inFlight === 0 && parked === 3
    })
    assert.deepEqual(seen, ['b-1'])
    const parked = await consumer.listParked()
    assert.deepEqual(
      parked.map(({ lane, state, failure }) => [lane, state, failure?.name]),
      [
        ['Account.a', 'failed', 'ValidationError'],
        ['unknown.2', 'failed', 'ValidationError'],
        ['Account.a', 'waiting', undefined],
      ],
    )
  })

  test('parks an event whose handler takes too long, and tells the handler', async () => {
    await using stream = await SampleStream.open(server)
    await stream.append('slow')
    const aborted = Promise.withResolvers<void>()
    await using consumer = await stream.consume({
      handlerTimeoutMs: 50,
      handler: (_event, { signal }) => {
        signal.addEventListener('abort', () => aborted.resolve())
        return new Promise(() => undefined)
      },
    })
    await aborted.promise
    await until('it is parked', async () => (await consumer.lag()).parked === 1)
    assert.equal((await consumer.listParked())[0]?.failure?.name, 'HandlerTimeoutError')
  })

  test('shows life for a handler that takes longer than the server waits: the event does not come again', async () => {
    await using stream = await SampleStream.open(server)
    await stream.append('slow', 'slow')
    const calls: string[] = []
    await using consumer = await stream.consume({
      ackWaitMs: 600,
      handler: async ({ eventId }, { deliveryCount }) => {
        calls.push(`${eventId} ${deliveryCount}`)
        await sleep(1500)
      },
    })
    await until('both are handled', async () => (await consumer.lag()).total === 0 && calls.length === 2)
    const info = await (await jetstreamManager(stream.connection)).consumers.info(stream.name, `c${stream.name}`)
    assert.deepEqual(calls, ['slow-1 1', 'slow-2 1'])
    assert.equal(info.num_redelivered, 0)
  })

  test('takes no more events than it may have in its hands', async () => {
    await using stream = await SampleStream.open(server)
    await stream.append(...Array.from({ length: 40 }, (_, index) => `a${index}`))
    const gate = Promise.withResolvers<void>()
    let running = 0
    let most = 0
    await using consumer = await stream.consume({
      maxInFlight: 10,
      concurrency: 4,
      handler: async () => {
        most = Math.max(most, ++running)
        await gate.promise
        running--
      },
    })
    await until('four handlers run', () => running === 4)
    await until('ten are under way', async () => (await consumer.lag()).inFlight === 10)
    await sleep(700)
    assert.deepEqual(await consumer.lag(), { pending: 30, inFlight: 10, parked: 0, exhausted: 0, total: 40 })
    gate.resolve()
    await until('all are handled', async () => (await consumer.lag()).total === 0)
    assert.equal(most, 4)
  })

  test('stops after the handlers that run, and gives the rest to another at once', async () => {
    await using stream = await SampleStream.open(server)
    await stream.append('a', 'a', 'b')
    const seen: string[] = []
    const begun = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const first = await stream.consume({
      ackWaitMs: 60_000,
      concurrency: 1,
      handler: async ({ eventId }) => {
        begun.resolve()
        await gate.promise
        seen.push(eventId)
      },
    })
    await begun.promise
    const stopped = first.stop()
    gate.resolve()
    await stopped
    assert.deepEqual(seen, ['a-1'])
    await using _second = await stream.consume({ ackWaitMs: 60_000, handler: ({ eventId }) => void seen.push(eventId) })
    await until('the rest is handled', () => seen.length === 3)
    assert.deepEqual(
      seen.filter((id) => id.startsWith('a')),
      ['a-1', 'a-2'],
    )
  })

  test('works in one of several processes at a time; another takes over when it stops', async () => {
    await using stream = await SampleStream.open(server)
    const seen: string[] = []
    const first = await stream.consume({ handler: ({ eventId }) => void seen.push(`first ${eventId}`) })
    await stream.append('a')
    await until('the first works', () => seen.length === 1)
    await using second = await stream.consume({ handler: ({ eventId }) => void seen.push(`second ${eventId}`) })
    await stream.append('b', 'c', 'd')
    await until('the first has handled all', () => seen.length === 4)
    assert.equal(second.isActive, false)
    await first.stop()
    await stream.append('e')
    await until('the second has taken over', () => seen.length === 5)
    assert.deepEqual(
      seen.map((entry) => entry.split(' ')[0]),
      ['first', 'first', 'first', 'first', 'second'],
    )
  })

  test('does not handle an event id again that it has handled, nor one that its target knows', async () => {
    await using stream = await SampleStream.open(server)
    await stream.append('a', 'b')
    const body = await (await jetstreamManager(stream.connection)).streams.getMessage(stream.name, { seq: 1 })
    await stream.publish('events.Account.Deposited.a.99', body?.data ?? '')
    const seen: string[] = []
    await using consumer = await stream.consume({
      isHandled: ({ eventId }) => eventId === 'b-1',
      handler: ({ eventId }) => void seen.push(eventId),
    })
    await until('all is done', async () => (await consumer.lag()).total === 0)
    assert.deepEqual(seen, ['a-1'])
  })

  test('refuses a name that stands for other events, a misspelled option, and a stream that is not there', async () => {
    await using stream = await SampleStream.open(server)
    const handler = () => undefined
    await (await stream.consume({ handler })).stop()
    await assert.rejects(stream.consume({ handler, patterns: 'events.Person.*' }), /choose another name/)
    await assert.rejects(stream.consume({ handler, patterns: 'events.Person' }), /must be like events\.>/)
    await assert.rejects(stream.consume({ handler, ackWaitMs: 500, takeOverAfterMs: 501 }), /from 300 to 500, got 501/)
    await assert.rejects(stream.consume({ handler, streamName: 'NONE' }), /Check that the stream exists/)
    await assert.rejects(stream.consume({ handler, ...({ ackwait: 1 } as object) }), /'ackwait' is unknown/)
  })
})
