/** One order of the events of several streams, for every process, from any position on, new and old. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { EventStore } from '@cim/core'
import { connect } from '@nats-io/transport-node'
import { JetStreamEventStore } from '../jetstream-event-store.ts'
import { startNatsServer } from '../test-support/nats-server.ts'
import { allEvents, noted, person } from '../test-support/sample-events.ts'
import { ownShards } from '../test-support/test-shards.ts'
import { ShardRule } from './shard-rule.ts'
import { ShardedJetStreamEventStore } from './sharded-jetstream-event-store.ts'
import type { ShardedJetStreamEventStoreOptions } from './sharded-options.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

/** Follows until the aggregate comes that is the last. @returns position and id of every event */
async function follow(store: EventStore, afterPosition: number, batchSize: number): Promise<readonly string[]> {
  const seen: string[] = []
  let before = afterPosition
  for await (const { events, position } of store.subscribe('events.>', { afterPosition, batchSize })) {
    for (const event of events) {
      assert.ok(event.position > before && event.position <= position, `${event.position} comes after ${before}`)
      before = event.position
      seen.push(`${event.position} ${event.eventId}`)
    }
    if (events.some(({ aggregateId }) => aggregateId === 'last')) return seen
  }
  return seen
}

describe('processes that append to several shards and follow them', { timeout: 60_000 }, () => {
  test('see one order, whoever appended and wherever they begin', async () => {
    const own = ownShards({ servers: server.url, orderPageSize: 16 })
    await using one = await ShardedJetStreamEventStore.open(own)
    await using two = await ShardedJetStreamEventStore.open(own)
    const acknowledged = new Map<string, number>()
    const append = async (store: EventStore, aggregateId: string, count: number) => {
      const { events } = await store.appendEvents(person(aggregateId), noted(count), { expectedVersion: 'any' })
      for (const { eventId, position } of events) acknowledged.set(eventId, position)
    }
    await append(one, 'first', 5)
    const start = await two.headPosition()
    const following = [follow(one, 0, 7), follow(two, start, 100), follow(two, start + 3, 1)]
    const writing = [one, two].map(async (store, writer) => {
      for (let round = 0; round < 40; round++) {
        const crowd = Array.from({ length: 5 }, (_, index) =>
          append(store, `p-${(round * 7 + index * 3 + writer) % 23}`, 1 + ((round + index) % 3)),
        )
        await Promise.all(crowd)
        // A rejection takes a place in its shard, and no event has its position.
        const outcome = { fingerprint: 1, status: 'Rejected', version: 0, position: 0, timestamp: '' } as const
        await store.recordCommand(person(`p-${round % 23}`), { ...outcome, commandId: `${writer}-${round}` })
      }
    })
    await Promise.all(writing)
    await append(one, 'last', 1)
    await using late = await ShardedJetStreamEventStore.open(own)
    const log = await allEvents(late)
    const order = log.map(({ position, eventId }) => `${position} ${eventId}`)
    assert.equal(log.length, acknowledged.size)
    for (const { eventId, position } of log) assert.equal(acknowledged.get(eventId), position, 'as it was acknowledged')
    const [whole, second, third] = await Promise.all(following)
    assert.deepEqual(whole, order)
    assert.deepEqual(second, order.slice(5))
    assert.deepEqual(third, order.slice(8))
    for (const aggregateId of ['first', 'p-0', 'p-11', 'last']) {
      const ofAggregate = log.filter((event) => event.aggregateId === aggregateId)
      for (const store of [one, late]) assert.deepEqual(await store.loadEvents(person(aggregateId)), ofAggregate)
    }
    assert.equal(await late.headPosition(), log.at(-1)?.position)
  })
})

describe('old positions', { timeout: 60_000 }, () => {
  test('are found, also when no page of the order was kept: then pages are made', async () => {
    const own = ownShards({ servers: server.url, orderPageSize: 10 })
    const { streamName, subjectPrefix } = own
    await (await ShardedJetStreamEventStore.open(own)).close()
    const expected = await appendAndClaim(own)
    const connection = await connect({ servers: server.url })
    const pages: string[] = []
    connection.subscribe(`${subjectPrefix}.order.pages.*`, { callback: (_, { subject }) => void pages.push(subject) })
    await connection.flush()
    await using store = await ShardedJetStreamEventStore.open(own)
    assert.deepEqual(new Map((await allEvents(store)).map(({ eventId, position }) => [eventId, position])), expected)
    for (const aggregateId of ['p-0', 'p-1', 'p-2', 'p-3']) {
      const loaded = await store.loadEvents(person(aggregateId))
      assert.equal(loaded.length, 25)
      for (const { eventId, position } of loaded) assert.equal(position, expected.get(eventId))
    }
    await connection.flush()
    const made = Array.from({ length: 10 }, (_, index) => `${subjectPrefix}.order.pages.${index}`)
    assert.deepEqual([...pages].sort(), made, `all pages of ${streamName} were made once`)
    await using again = await ShardedJetStreamEventStore.open(own)
    const [first] = await again.loadEvents(person('p-0'), { limit: 1 })
    assert.equal(first?.position, expected.get(first?.eventId ?? ''))
    await connection.flush()
    assert.equal(pages.length, new Set(pages).size, 'what is kept is not made again')
    await connection.close()
  })
})

/** As processes do that never make a page. @returns the position of each event by its id */
async function appendAndClaim(own: ShardedJetStreamEventStoreOptions): Promise<ReadonlyMap<string, number>> {
  const { streamName, subjectPrefix, shards, servers } = own
  const connection = await connect({ servers: servers as string })
  const rule = new ShardRule(shards, 'aggregate-id')
  const positions = new Map<string, number>()
  const opening = Array.from({ length: shards }, (_, shard) => {
    const [name, prefix] = [`${streamName}-${shard + 1}`, `${subjectPrefix}.shard-${shard + 1}`]
    return JetStreamEventStore.open({ connection, streamName: name, subjectPrefix: prefix })
  })
  const stores = await Promise.all(opening)
  for (let count = 0; count < 100; count++) {
    const aggregate = person(`p-${count % 4}`)
    const shard = rule.shardOf(aggregate)
    const result = await stores[shard]?.appendEvents(aggregate, noted(1), { expectedVersion: 'any' })
    const claim = JSON.stringify([[shard, result?.position]])
    await connection.request(`${subjectPrefix}.order.claims`, claim)
    positions.set(result?.events[0]?.eventId ?? '', count + 1)
  }
  for (const store of stores) await store.close()
  await connection.close()
  return positions
}

describe('shards by type', { timeout: 60_000 }, () => {
  test('are asked alone by who reads one type, and the position moves on over all others', async () => {
    const own = ownShards({ servers: server.url, shardBy: 'aggregate-type', orderPageSize: 1000 })
    const rule = new ShardRule(own.shards, 'aggregate-type')
    const types = ['Person', 'Team', 'Contract', 'Location', 'Order']
    const shards = types.map((aggregateType) => rule.shardOf({ aggregateType, aggregateId: '' }))
    assert.equal(new Set(shards).size, 3, 'these types are in all shards')
    await using store = await ShardedJetStreamEventStore.open(own)
    for (let count = 0; count < 50; count++) {
      const aggregate = { aggregateType: types[count % 5] ?? '', aggregateId: `${count % 7}` }
      await store.appendEvents(aggregate, noted(1), { expectedVersion: 'any' })
    }
    const log = await allEvents(store)
    const watching = await connect({ servers: server.url })
    const asked = new Set<string>()
    watching.subscribe('$JS.API.DIRECT.GET.*', { callback: (_, { subject }) => void asked.add(subject) })
    await watching.flush()
    const wanted = `$JS.API.DIRECT.GET.${own.streamName}-${rule.shardOf(person('')) + 1}`
    const shardsAsked = () => [...asked].filter((name) => !name.endsWith('-order'))

    const expected = log.filter(({ aggregateType }) => aggregateType === 'Person')
    const page = await store.readEvents({ aggregateType: 'Person' })
    assert.deepEqual(page, { events: expected, position: log.at(-1)?.position, isEnd: true })
    const batches = store.subscribe('events.Person.*')[Symbol.asyncIterator]()
    const first = await batches.next()
    assert.deepEqual(first.value, { events: expected, position: log.at(-1)?.position })
    await watching.flush()
    assert.deepEqual(shardsAsked(), [wanted])
    const waiting = batches.next()
    const other = { aggregateType: 'Team', aggregateId: 'new' }
    const { position } = await store.appendEvents(other, noted(1), { expectedVersion: 0 })
    assert.deepEqual((await waiting).value, { events: [], position })
    await batches.return?.()
    await watching.close()
  })
})
