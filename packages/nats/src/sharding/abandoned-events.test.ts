/** Events whose writer was killed before it claimed a position for them. */

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { EventStore } from '@cim/core'
import { startNatsServer } from '../test-support/nats-server.ts'
import { allEvents, noted, person } from '../test-support/sample-events.ts'
import { ownShards } from '../test-support/test-shards.ts'
import { ShardedJetStreamEventStore } from './sharded-jetstream-event-store.ts'
import type { ShardedJetStreamEventStoreOptions } from './sharded-options.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

/** Appends two events in a process that is gone before it claims them. */
async function appendAndDie(own: ShardedJetStreamEventStoreOptions, aggregateId: string): Promise<void> {
  const program = join(import.meta.dirname, '../test-support/abandoning-writer.ts')
  const child = fork(program, [JSON.stringify(own), aggregateId, '2'])
  const [, signal] = await once(child, 'exit')
  assert.equal(signal, 'SIGKILL')
}

async function names(store: EventStore): Promise<readonly string[]> {
  return (await allEvents(store)).map(({ aggregateId, sequence }) => `${aggregateId} ${sequence}`)
}

describe('events whose writer was killed before it claimed them', { timeout: 60_000 }, () => {
  test('come to who follows the log, once, in their place for ever', async () => {
    const own = ownShards({ servers: server.url })
    await using store = await ShardedJetStreamEventStore.open(own)
    const seen: string[] = []
    const following = (async () => {
      for await (const { events } of store.subscribe('events.>')) {
        seen.push(...events.map(({ aggregateId, sequence, position }) => `${aggregateId} ${sequence} at ${position}`))
        if (events.some(({ aggregateId }) => aggregateId === 'last')) break
      }
    })()
    await store.appendEvents(person('first'), noted(1), { expectedVersion: 0 })
    await appendAndDie(own, 'ada')
    while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 10))
    await store.appendEvents(person('last'), noted(1), { expectedVersion: 0 })
    await following
    assert.deepEqual(seen, ['first 1 at 1', 'ada 1 at 2', 'ada 2 at 3', 'last 1 at 4'])
    assert.deepEqual(await names(store), ['first 1', 'ada 1', 'ada 2', 'last 1'])
  })

  test('have a position for who loads them', async () => {
    const own = ownShards({ servers: server.url })
    await using store = await ShardedJetStreamEventStore.open(own)
    await appendAndDie(own, 'ada')
    const loaded = await store.loadEvents(person('ada'))
    assert.deepEqual(
      loaded.map(({ position }) => position),
      [1, 2],
    )
    assert.deepEqual(await allEvents(store), loaded)
  })

  test('are read, and counted in the head', async () => {
    const own = ownShards({ servers: server.url })
    await using store = await ShardedJetStreamEventStore.open(own)
    await appendAndDie(own, 'ada')
    assert.equal(await store.headPosition(), 2)
    await appendAndDie(own, 'bob')
    assert.deepEqual(await names(store), ['ada 1', 'ada 2', 'bob 1', 'bob 2'])
  })

  test('stand before what is appended to their aggregate', async () => {
    const own = ownShards({ servers: server.url })
    await using store = await ShardedJetStreamEventStore.open(own)
    await appendAndDie(own, 'ada')
    const { events, position } = await store.appendEvents(person('ada'), noted(1), { expectedVersion: 2 })
    assert.deepEqual([events[0]?.sequence, position], [3, 3])
    assert.deepEqual(await names(store), ['ada 1', 'ada 2', 'ada 3'])
  })
})
