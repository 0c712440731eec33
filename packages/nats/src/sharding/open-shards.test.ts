/** Streams of a store with several that are made, found again, and refused. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { startNatsServer } from '../test-support/nats-server.ts'
import { noted, person } from '../test-support/sample-events.ts'
import { ownShards } from '../test-support/test-shards.ts'
import { ShardedJetStreamEventStore } from './sharded-jetstream-event-store.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

async function withManager<TResult>(use: (streams: JetStreamManager['streams']) => Promise<TResult>): Promise<TResult> {
  const connection = await connect({ servers: server.url })
  try {
    return await use((await jetstreamManager(connection)).streams)
  } finally {
    await connection.close()
  }
}

/** @returns options for streams that exist and hold events of one aggregate in each shard */
async function filledShards() {
  const own = ownShards({ servers: server.url })
  await using store = await ShardedJetStreamEventStore.open(own)
  for (let id = 0; id < 20; id++) await store.appendEvents(person(`p-${id}`), noted(1), { expectedVersion: 0 })
  return own
}

describe('a store with several streams', { timeout: 30_000 }, () => {
  test('makes them, each with subjects of its own', async () => {
    const own = await filledShards()
    const { streamName, subjectPrefix } = own
    const infos = await withManager((streams) =>
      Promise.all(['1', '2', '3', 'order', 'snapshots'].map((end) => streams.info(`${streamName}-${end}`))),
    )
    const subjects = infos.map(({ config }) => config.subjects)
    const ofShard = (shard: number) => [
      `${subjectPrefix}.shard-${shard}.events.>`,
      `${subjectPrefix}.shard-${shard}.outcomes.>`,
    ]
    const others = [[`${subjectPrefix}.order.>`], [`${subjectPrefix}.snapshots.>`]]
    assert.deepEqual(subjects, [...[1, 2, 3].map(ofShard), ...others])
    const counts = infos.slice(0, 3).map(({ state }) => state.messages)
    assert.ok(Math.min(...counts) > 0, `aggregates are in all of them: ${counts}`)
  })

  test('made by several processes at once are the same', async () => {
    const own = ownShards({ servers: server.url })
    const opening = Array.from({ length: 5 }, () => ShardedJetStreamEventStore.open(own))
    const stores = await Promise.all(opening)
    const results = stores.map((store, id) => store.appendEvents(person(`p-${id}`), noted(1), { expectedVersion: 0 }))
    const positions = (await Promise.all(results)).map(({ position }) => position)
    assert.deepEqual([...positions].sort(), [1, 2, 3, 4, 5])
    for (const store of stores) await store.close()
  })

  test('is refused with another number of shards, or another rule', async () => {
    const own = await filledShards()
    for (const shards of [2, 4]) {
      await assert.rejects(ShardedJetStreamEventStore.open({ ...own, shards }), {
        code: 'invalid-option',
        option: 'shards',
        message: /is \d, but the streams \S+-order belongs to were made with 3\..* open with 3/,
      })
    }
    await assert.rejects(ShardedJetStreamEventStore.open({ ...own, shardBy: 'aggregate-type' }), {
      code: 'invalid-option',
      option: 'shardBy',
      message: /were made with aggregate-id/,
    })
    const streams = await withManager((all) => all.names().next())
    assert.ok(!streams.includes(`${own.streamName}-4`), 'nothing was made for it')
  })

  test('is refused without its order log', async () => {
    const own = await filledShards()
    await withManager((streams) => streams.delete(`${own.streamName}-order`))
    for (let attempt = 0; attempt < 2; attempt++) {
      await assert.rejects(ShardedJetStreamEventStore.open(own), {
        code: 'store-corrupt',
        message: /there is no stream \S+-order, which says in which order/,
      })
    }
  })

  test('is refused without one of its streams', async () => {
    const own = await filledShards()
    await withManager((streams) => streams.delete(`${own.streamName}-2`))
    await assert.rejects(ShardedJetStreamEventStore.open(own), { code: 'store-corrupt' })
  })

  test('is refused with an order log that is another stream, or that can lose claims', async () => {
    const other = ownShards({ servers: server.url })
    const name = `${other.streamName}-order`
    const subjects = [`${other.subjectPrefix}.order.>`]
    await withManager((streams) => streams.add({ name, subjects }))
    await assert.rejects(ShardedJetStreamEventStore.open(other), {
      code: 'invalid-option',
      message: /does not say for how many shards it was made/,
    })
    const own = await filledShards()
    await withManager(async (streams) => {
      const { config } = await streams.info(`${own.streamName}-order`)
      await streams.update(config.name, { ...config, max_msgs_per_subject: 100, max_age: 1_000_000_000_000 })
    })
    await assert.rejects(ShardedJetStreamEventStore.open(own), (error: Error & { code: string }) => {
      assert.equal(error.code, 'unsafe-stream')
      assert.match(error.message, /max_age is .*max_msgs_per_subject is 100, expected -1 \(claims are deleted/)
      return true
    })
  })

  test('is refused with pages of the order that may not fit into a message', async () => {
    const own = ownShards({ servers: server.url, shards: 100, orderPageSize: 10_000, giveUpAfterMs: 2000 })
    await assert.rejects(ShardedJetStreamEventStore.open(own), {
      code: 'invalid-option',
      option: 'orderPageSize',
      message: /takes up to 10000000 bytes, but a message of the server at most 1048576: set it to 1048 or less/,
    })
    const streams = await withManager((all) => all.names().next())
    assert.ok(!streams.some((name) => name.startsWith(own.streamName ?? '')), 'nothing was made')
  })

  test('refuses options that make no sense', async () => {
    for (const [option, value] of [
      ['shards', 0],
      ['shards', 101],
      ['shards', 2.5],
      ['shards', undefined],
      ['shardBy', 'hash'],
      ['orderPageSize', 1],
      ['streamNaem', 'x'],
    ] as const) {
      const options = { ...ownShards({ servers: server.url }), [option]: value }
      await assert.rejects(ShardedJetStreamEventStore.open(options), { code: 'invalid-option', option })
    }
  })
})
