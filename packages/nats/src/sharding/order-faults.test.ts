/** Claims whose answers are lost, an order log that does not answer, and one that has lost what it had acknowledged. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AppendResult, EventStore } from '@cim/core'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { startCuttingProxy } from '../test-support/cutting-proxy.ts'
import { type NatsCluster, startNatsCluster, startNatsServer } from '../test-support/nats-server.ts'
import { allEvents, assertStoredOnce, noted, person } from '../test-support/sample-events.ts'
import { ownShards } from '../test-support/test-shards.ts'
import { ShardRule } from './shard-rule.ts'
import { ShardedJetStreamEventStore } from './sharded-jetstream-event-store.ts'

/** Leaders killed in turn, of the order log first, then of the shards: `CIM_KILLS=20` runs a long one. */
const kills = Number(process.env.CIM_KILLS ?? 1)
const [server, cluster] = await Promise.all([startNatsServer(), startNatsCluster()])
after(() => Promise.all([server[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()]))

/** A store whose claims nobody gets while `isDeaf`. */
async function openWithDeafOrder(options: object) {
  const own = ownShards({ servers: server.url, ...options })
  const connection = await connect({ servers: server.url })
  const publish = connection.publish.bind(connection)
  const order = { isDeaf: false }
  connection.publish = (subject, ...more) => {
    if (!order.isDeaf || !subject.endsWith('order.claims')) publish(subject, ...more)
  }
  const { servers: _, ...rest } = own
  const store = await ShardedJetStreamEventStore.open({ ...rest, connection })
  const close = async () => {
    await store.close()
    await connection.close()
  }
  return { store, own, order, [Symbol.asyncDispose]: close }
}

/** Makes a stream as it is, with nothing in it but these messages, if any. */
async function emptyStream(name: string, subject = '', bodies: readonly string[] = []): Promise<void> {
  const connection = await connect({ servers: server.url })
  const { streams } = await jetstreamManager(connection)
  const { config } = await streams.info(name)
  await streams.delete(name)
  await streams.add(config)
  for (const body of bodies) await jetstream(connection).publish(subject, body)
  await connection.close()
}

describe('an append whose claim', { timeout: 60_000 }, () => {
  test('is not answered because the connection is cut succeeds, once', async () => {
    await using proxy = await startCuttingProxy(server.port)
    const hasty = { reconnectTimeWait: 1, reconnectJitter: 0, timeout: 200 }
    await using store = await ShardedJetStreamEventStore.open(ownShards({ servers: proxy.url, connect: hasty }))
    const results: AppendResult[] = []
    for (let round = 0; round < 10; round++) {
      const cuts = proxy.cuts
      proxy.cutBeforeAnswer('.order.claims')
      const result = await store.appendEvents(person(`p-${round % 3}`), noted(2), { expectedVersion: 'any' })
      assert.equal(proxy.cuts, cuts + 1, 'the answer was lost')
      assert.deepEqual([result.position, result.isRepeat], [2 * round + 2, false])
      results.push(result)
    }
    await assertStoredOnce(store, results)
    assert.equal((await allEvents(store)).length, 20)
  })

  test('nobody takes says that its events are stored; they come to others, and a repeat gives their position', async () => {
    await using opened = await openWithDeafOrder({ requestTimeoutMs: 100, giveUpAfterMs: 500 })
    const { store, own, order } = opened
    await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    order.isDeaf = true
    const event = { eventId: 'e-2', eventType: 'Noted', eventData: 2 }
    await assert.rejects(store.appendEvents(person('ada'), [event], { expectedVersion: 1 }), {
      code: 'store-unavailable',
      message: /are stored, but have no position yet.* Repeat the append with the same command or the same event ids/,
    })
    await using other = await ShardedJetStreamEventStore.open(own)
    const [, second] = await allEvents(other)
    assert.deepEqual([second?.eventId, second?.position], ['e-2', 2])
    const again = await store.appendEvents(person('ada'), [event], { expectedVersion: 1 })
    assert.deepEqual([again.position, again.isRepeat, again.version], [2, true, 2])
    assert.deepEqual(again.events, [second])
  })
})

describe('an order log that came back with less than it had acknowledged', { timeout: 60_000 }, () => {
  test('is noticed by the next claim, and nothing is read by it any more', async () => {
    const own = ownShards({ servers: server.url })
    await using store = await ShardedJetStreamEventStore.open(own)
    for (const id of ['ada', 'bob', 'cyd']) await store.appendEvents(person(id), noted(1), { expectedVersion: 0 })
    await emptyStream(`${own.streamName}-order`)
    const corrupt = { code: 'store-corrupt', message: /the order log was read up to 3, and its message 1 is no longer/ }
    await assert.rejects(store.appendEvents(person('dan'), noted(1), { expectedVersion: 0 }), corrupt)
    await assert.rejects(store.subscribe('events.>', { afterPosition: 3 })[Symbol.asyncIterator]().next(), corrupt)
  })

  test("and in which others have claimed again is not taken for the same because of a claim of one's own", async () => {
    await using proxy = await startCuttingProxy(server.port)
    const own = ownShards({ servers: proxy.url, shards: 1 })
    await using store = await ShardedJetStreamEventStore.open(own)
    for (const id of ['ada', 'bob', 'cyd']) await store.appendEvents(person(id), noted(1), { expectedVersion: 0 })
    const others = ['[[0,1]]', '[[0,3]]', '[[0,3],[0,3]]']
    await emptyStream(`${own.streamName}-order`, `${own.subjectPrefix}.order.claims`, others)
    proxy.cut()
    await assert.rejects(store.appendEvents(person('dan'), noted(1), { expectedVersion: 0 }), {
      code: 'store-corrupt',
      message: /its message 3 is no longer there or another one/,
    })
  })

  test('ends subscriptions once the servers are back', async () => {
    await using proxy = await startCuttingProxy(server.port)
    const own = ownShards({ servers: proxy.url })
    await using store = await ShardedJetStreamEventStore.open(own)
    for (const id of ['ada', 'bob', 'cyd']) await store.appendEvents(person(id), noted(1), { expectedVersion: 0 })
    const batches = store.subscribe('events.>')[Symbol.asyncIterator]()
    await batches.next()
    const waiting = assert.rejects(batches.next(), { code: 'store-corrupt' })
    await emptyStream(`${own.streamName}-order`)
    proxy.cut()
    await waiting
  })
})

/** @returns ids of persons in one of two shards each: the first of them is in the shard that comes first */
function idsByShard(): readonly (readonly string[])[] {
  const rule = new ShardRule(2, 'aggregate-id')
  const ids = Array.from({ length: 40 }, (_, index) => `p-${index}`)
  return [0, 1].map((shard) => ids.filter((id) => rule.shardOf(person(id)) === shard))
}

describe('a shard that came back with less than it had acknowledged', { timeout: 60_000 }, () => {
  const [[ada = '', bob = ''] = [], [cyd = '', dan = ''] = []] = idsByShard()
  const corrupt = { code: 'store-corrupt' }
  const event = { eventId: 'e-1', eventType: 'Noted', eventData: 1 }

  async function openFilled(servers: string) {
    const own = ownShards({ servers, shards: 2 })
    const store = await ShardedJetStreamEventStore.open(own)
    for (const id of [ada, cyd]) await store.appendEvents(person(id), noted(3), { expectedVersion: 0 })
    return { own, store, [Symbol.asyncDispose]: () => store.close() }
  }

  test('is noticed by the next append to it, and at each start; everything after it is refused', async () => {
    await using filled = await openFilled(server.url)
    const { own, store } = filled
    const batches = store.subscribe('events.>', { afterPosition: 6 })[Symbol.asyncIterator]()
    const waiting = assert.rejects(batches.next(), corrupt)
    await emptyStream(`${own.streamName}-1`)
    for (const message of [/held 3 messages that have positions, and now gave place 1/, /now gave place 1/]) {
      const append = store.appendEvents(person(bob), [event], { expectedVersion: 0 })
      await assert.rejects(append, { ...corrupt, message }, 'a repeat, too')
    }
    await assert.rejects(store.appendEvents(person(dan), [event], { expectedVersion: 0 }), corrupt, 'another shard')
    await assert.rejects(store.readEvents(), corrupt)
    await assert.rejects(store.loadEvents(person(cyd)), corrupt)
    await waiting
    await assert.rejects(ShardedJetStreamEventStore.open(own), corrupt)
  })

  test('is noticed by the repeat of what another process has stored in the place of lost events', async () => {
    await using filled = await openFilled(server.url)
    const { own, store } = filled
    await using other = await ShardedJetStreamEventStore.open(own)
    await emptyStream(`${own.streamName}-1`)
    for (const each of [other, store]) {
      await assert.rejects(each.appendEvents(person(bob), [event], { expectedVersion: 0 }), corrupt)
    }
  })

  test('is noticed after a reconnect, before anything is appended to another shard', async () => {
    await using proxy = await startCuttingProxy(server.port)
    await using filled = await openFilled(proxy.url)
    const { own, store } = filled
    await emptyStream(`${own.streamName}-1`)
    proxy.cut()
    // Until the process has heard that the connection is gone, it may be answered as if nothing had been.
    await store.headPosition().catch(() => undefined)
    await assert.rejects(store.appendEvents(person(dan), [event], { expectedVersion: 0 }), corrupt)
  })
})

test('a claim of what no shard holds gives no position to anybody, and says so', { timeout: 30_000 }, async () => {
  const own = ownShards({ servers: server.url, shards: 2 })
  await using store = await ShardedJetStreamEventStore.open(own)
  await store.appendEvents(person('ada'), noted(3), { expectedVersion: 0 })
  await using connection = await connect({ servers: server.url })
  await jetstream(connection).publish(
    `${own.subjectPrefix}.order.claims`,
    '[[0,9007199254740991],[1,9007199254740991]]',
  )
  const corrupt = {
    code: 'store-corrupt',
    message: /names place 9007199254740991 of shard \d, whose stream ends at \d/,
  }
  await assert.rejects(store.appendEvents(person('bob'), noted(1), { expectedVersion: 0 }), corrupt)
  await assert.rejects(store.headPosition(), corrupt)
  await assert.rejects(ShardedJetStreamEventStore.open(own), corrupt)
})

test('killed leaders of the order log and of shards lose nothing and change no position', {
  timeout: 60_000 + 40_000 * kills,
}, async () => {
  const own = ownShards({ servers: cluster.urls })
  const stores = await Promise.all([ShardedJetStreamEventStore.open(own), ShardedJetStreamEventStore.open(own)])
  const results: AppendResult[] = []
  let isStopping = false
  const writing = stores.flatMap((store, process) =>
    Array.from({ length: 6 }, async (_, writer) => {
      for (let version = 0; !isStopping; version += 2) {
        const target = person(`p-${process}-${writer}`)
        results.push(await store.appendEvents(target, noted(2), { expectedVersion: version }))
      }
    }),
  )
  const following = stores.map((store, index) => follow(store, 1 + index * 50))
  for (let kill = 0; kill < kills; kill++) {
    const before = results.length
    await until(() => results.length > before + 100)
    const stream = ['order', '1', 'order', '2', 'order', '3'][kill % 6]
    const leader = await leaderOf(cluster, `${own.streamName}-${stream}`)
    await leader.kill()
    // The others go on without it.
    const after = results.length
    await until(() => results.length > after + 50)
    await leader.start()
  }
  isStopping = true
  await Promise.all(writing)
  const [store] = stores
  await store?.appendEvents(person('last'), noted(1), { expectedVersion: 0 })
  await using late = await ShardedJetStreamEventStore.open(own)
  await assertStoredOnce(late, results)
  const log = (await allEvents(late)).map(({ position, eventId }) => `${position} ${eventId}`)
  assert.equal(log.length, results.length * 2 + 1)
  for (const seen of await Promise.all(following)) assert.deepEqual(seen, log)
  for (const opened of stores) await opened.close()
})

async function follow(store: EventStore, batchSize: number): Promise<readonly string[]> {
  const seen: string[] = []
  for await (const { events } of store.subscribe('events.>', { batchSize })) {
    seen.push(...events.map(({ position, eventId }) => `${position} ${eventId}`))
    if (events.some(({ aggregateId }) => aggregateId === 'last')) break
  }
  return seen
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5)
}

async function leaderOf({ urls, servers }: NatsCluster, streamName: string) {
  const connection = await connect({ servers: [...urls] })
  try {
    const { streams } = await jetstreamManager(connection)
    for (;;) {
      const info = await streams.info(streamName).catch(() => undefined)
      const leader = servers.find(({ name }) => name === info?.cluster?.leader)
      if (leader !== undefined) return leader
      await sleep(50)
    }
  } finally {
    await connection.close()
  }
}
