/** Subscriptions over connections that are cut, replicas that are behind, and other processes that write. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EventStore } from '@cim/core'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { startCuttingProxy } from './test-support/cutting-proxy.ts'
import { startNatsCluster, startNatsServer } from './test-support/nats-server.ts'
import { allEvents, noted, person } from './test-support/sample-events.ts'
import { ownStream } from './test-support/test-stores.ts'

const [server, cluster] = await Promise.all([startNatsServer(), startNatsCluster()])
after(() => Promise.all([server[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()]))

/** Reads until the aggregate comes that is the last. @returns the positions of all events */
async function follow(store: EventStore, lastId: string, batchSize: number): Promise<readonly number[]> {
  const positions: number[] = []
  for await (const batch of store.subscribe('events.>', { batchSize })) {
    assert.ok(batch.position >= (batch.events.at(-1)?.position ?? 0))
    positions.push(...batch.events.map(({ position }) => position))
    if (batch.events.some(({ aggregateId }) => aggregateId === lastId)) break
  }
  return positions
}

test('a connection that is cut again and again leaves no gap and no duplicate', { timeout: 60_000 }, async () => {
  await using proxy = await startCuttingProxy(server.port)
  const own = ownStream({ servers: proxy.url, connect: { reconnectTimeWait: 1, reconnectJitter: 0, timeout: 200 } })
  await using reader = await JetStreamEventStore.open(own)
  await using writer = await JetStreamEventStore.open({ ...own, servers: server.url })
  for (let version = 0; version < 1500; version += 500) {
    await writer.appendEvents(person('past'), noted(500), { expectedVersion: version })
  }
  const following = [1, 40, 1000].map((batchSize) => follow(reader, 'last', batchSize))
  let isWriting = true
  const cutting = (async () => {
    while (isWriting) {
      await sleep(30)
      proxy.cut()
    }
  })()
  for (let count = 0; count < 150; count++) {
    await writer.appendEvents(person(`p-${count % 5}`), noted(1 + (count % 2)), { expectedVersion: 'any' })
    if (count % 10 === 0) await sleep(20)
  }
  isWriting = false
  await cutting
  await writer.appendEvents(person('last'), noted(1), { expectedVersion: 0 })
  const log = (await allEvents(writer)).map(({ position }) => position)
  for (const positions of await Promise.all(following)) assert.deepEqual(positions, log)
  assert.ok(proxy.cuts > 3)
})

test('readers on every replica get what processes on the others append', { timeout: 60_000 }, async () => {
  const own = ownStream({ servers: cluster.urls })
  const stores: EventStore[] = []
  for (const url of cluster.urls) {
    const connect = { ignoreClusterUpdates: true }
    stores.push(await JetStreamEventStore.open({ ...own, servers: url, connect }))
  }
  const following = stores.map((store, index) => follow(store, 'last', 1 + index * 7))
  const writing = stores.map(async (store, writer) => {
    for (let count = 0; count < 60; count++) {
      await store.appendEvents(person(`p-${(count + writer) % 4}`), noted(1 + (count % 3)), { expectedVersion: 'any' })
    }
  })
  await Promise.all(writing)
  const [first] = stores as [EventStore]
  await first.appendEvents(person('last'), noted(1), { expectedVersion: 0 })
  const log = (await allEvents(first)).map(({ position }) => position)
  assert.equal(log.length, 3 * 120 + 1)
  for (const positions of await Promise.all(following)) assert.deepEqual(positions, log)
  for (const store of stores) await store.close()
})

test('a subscription that starts while no server answers begins when one does', { timeout: 60_000 }, async () => {
  await using away = await startNatsServer()
  const store = await JetStreamEventStore.open(ownStream({ servers: away.url }))
  const { events } = await store.appendEvents(person('ada'), noted(2), { expectedVersion: 0 })
  await away.kill()
  const next = store.subscribe('events.>')[Symbol.asyncIterator]().next()
  await sleep(50)
  await away.start()
  assert.deepEqual((await next).value?.events, events)
  await store.close()
})

test('a subscription that waits for a server ends when it is asked to', { timeout: 60_000 }, async () => {
  await using away = await startNatsServer()
  const store = await JetStreamEventStore.open(ownStream({ servers: away.url }))
  await away.kill()
  const stop = new AbortController()
  const aborted = store.subscribe('events.>', { signal: stop.signal })[Symbol.asyncIterator]().next()
  const returning = store.subscribe('events.>')[Symbol.asyncIterator]()
  const returned = returning.next()
  await sleep(50)
  stop.abort()
  await returning.return?.()
  assert.deepEqual(await Promise.all([aborted, returned]), [
    { done: true, value: undefined },
    { done: true, value: undefined },
  ])
  const closed = store.subscribe('events.>')[Symbol.asyncIterator]().next()
  await sleep(50)
  const [closing] = await Promise.allSettled([closed, store.close()])
  assert.equal(closing.status === 'rejected' && closing.reason.code, 'store-closed')
})
