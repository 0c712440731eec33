/** Servers that come back with less than they had acknowledged. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { EventStore } from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { startCuttingProxy } from './test-support/cutting-proxy.ts'
import { startNatsServer } from './test-support/nats-server.ts'
import { allEvents, noted, person } from './test-support/sample-events.ts'
import { ownStream } from './test-support/test-stores.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

/** A store that remembers more than its stream has, as after a power failure of servers that do not sync. */
async function openWithLoss(lose: (store: EventStore) => Promise<void>) {
  const proxy = await startCuttingProxy(server.port)
  const own = ownStream({ servers: proxy.url })
  const store = await JetStreamEventStore.open(own)
  await store.appendEvents(person('ada'), noted(3), { expectedVersion: 0 })
  await lose(store)
  const connection = await connect({ servers: server.url })
  const { streams } = await jetstreamManager(connection)
  const { config } = await streams.info(own.streamName ?? '')
  await streams.delete(config.name)
  await streams.add(config)
  await connection.close()
  proxy.cut()
  const close = async () => {
    await store.close()
    await proxy[Symbol.asyncDispose]()
  }
  return { store, [Symbol.asyncDispose]: close }
}

test('no append leaves a gap where events were lost', { timeout: 30_000 }, async () => {
  await using opened = await openWithLoss(async () => undefined)
  const { store } = opened
  const append = store.appendEvents(person('ada'), noted(1), { expectedVersion: 3 })
  await assert.rejects(append, { code: 'concurrency', actualVersion: 0 })
  assert.deepEqual(await store.loadEvents(person('ada')), [])
  assert.equal(await store.headPosition(), 0)
  const { version } = await store.appendEvents(person('ada'), noted(1), { expectedVersion: 'any' })
  assert.equal(version, 1)
  assert.equal((await allEvents(store)).length, 1)
})

test('a subscription that has read what was lost says so, instead of missing what comes in its place', {
  timeout: 30_000,
}, async () => {
  let batches: AsyncIterator<unknown> | undefined
  let waiting: Promise<unknown> | undefined
  await using opened = await openWithLoss(async (store) => {
    batches = store.subscribe('events.>')[Symbol.asyncIterator]()
    await batches.next()
    waiting = batches.next()
    waiting.catch(() => undefined)
  })
  await opened.store.appendEvents(person('bob'), noted(1), { expectedVersion: 0 })
  await assert.rejects(waiting as Promise<unknown>, { code: 'store-corrupt', message: /read up to 3, and now ends at/ })
})
