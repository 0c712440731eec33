/** Servers that are killed while many append: nothing that was acknowledged is lost, nothing is stored twice. */

import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AppendResult, type EventStore, hasErrorCode } from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { type NatsCluster, startNatsCluster, startNatsServer } from './test-support/nats-server.ts'
import { allEvents, assertStoredOnce, noted, person } from './test-support/sample-events.ts'
import { ownStream } from './test-support/test-stores.ts'
import type { WriterOptions } from './test-support/writer-process.ts'

/** Leaders killed, followers killed and leaders paused in turn: `CIM_FAULTS=200` runs a long one. */
const faults = Number(process.env.CIM_FAULTS ?? 3)

/** @returns a store for a look from outside, and how it was opened */
async function openStore(servers: string | readonly string[]) {
  const own = ownStream({ servers })
  return { own, store: await JetStreamEventStore.open(own) }
}

test('a server that is killed again and again while many append loses nothing', { timeout: 120_000 }, async () => {
  await using server = await startNatsServer()
  const { store } = await openStore(server.url)
  const results: AppendResult[] = []
  let isStopping = false
  const writers = Array.from({ length: 16 }, async (_, writer) => {
    for (let version = 0; !isStopping; ) {
      const size = 1 + (version % 3)
      const result = await store.appendEvents(person(`p-${writer}`), noted(size), { expectedVersion: version })
      assert.deepEqual([result.isRepeat, result.version], [false, version + size])
      results.push(result)
      version = result.version
    }
  })
  for (let kill = 0; kill < 5; kill++) {
    await until(results.length + 50, results)
    await server.kill()
    await server.start()
  }
  isStopping = true
  await Promise.all(writers)
  await assertStoredOnce(store, results)
  assert.equal((await allEvents(store)).length, results.flatMap(({ events }) => events).length)
  await store.close()
})

test('servers of a cluster that are killed or paused while processes append lose nothing', {
  timeout: 60_000 + 40_000 * faults,
}, async () => {
  await using cluster = await startNatsCluster()
  const { store, own } = await openStore(cluster.urls)
  const { streamName = '', subjectPrefix = '' } = own
  const results: AppendResult[] = []
  using writers = startWriters({ servers: cluster.urls, streamName, subjectPrefix, aggregates: 6 }, results)
  for (let fault = 0; fault < faults; fault++) {
    await until(results.length + 50, results)
    const leader = await leaderOf(cluster, streamName)
    const victim = fault % 3 === 1 ? cluster.servers.find((server) => server !== leader) : leader
    if (fault % 3 === 2) {
      victim?.signal('SIGSTOP')
      await sleep(1000 + ((fault * 777) % 5000))
      victim?.signal('SIGCONT')
    } else {
      await victim?.kill()
      // The others go on without it.
      await until(results.length + 50, results)
      await victim?.start()
    }
  }
  await until(results.length + 50, results)
  assert.deepEqual(await writers.stop(), [0, 0])
  await assertStoredOnce(store, results)
  assert.equal((await allEvents(store)).length, results.flatMap(({ events }) => events).length)
  await store.close()
})

test('a subscription goes on where it was after its server was killed', { timeout: 120_000 }, async () => {
  await using server = await startNatsServer()
  const { store, own } = await openStore(server.url)
  await using other = await JetStreamEventStore.open(own)
  const seen: number[] = []
  const stop = new AbortController()
  const following = (async () => {
    for await (const { events } of store.subscribe('events.>', { batchSize: 7, signal: stop.signal })) {
      seen.push(...events.map(({ position }) => position))
    }
  })()
  for (let kill = 0; kill < 4; kill++) {
    for (let count = 0; count < 20; count++) await appendPatiently(other, `p-${count % 3}`)
    await server.kill()
    const late = appendPatiently(other, 'late')
    await server.start()
    await late
  }
  const log = (await allEvents(other)).map(({ position }) => position)
  await until(log.length, seen)
  await sleep(50)
  assert.deepEqual(seen, log)
  stop.abort()
  await following
  await store.close()
})

async function appendPatiently(store: EventStore, aggregateId: string): Promise<void> {
  await store.appendEvents(person(aggregateId), noted(2), { expectedVersion: 'any' })
}

/** Waits until a list has so many items. */
async function until(count: number, list: readonly unknown[]): Promise<void> {
  while (list.length < count) await sleep(5)
}

function startWriters(options: Omit<WriterOptions, 'name'>, results: AppendResult[]) {
  const children = ['one', 'two'].map((name) => startWriter({ ...options, name }, results))
  return {
    async stop(): Promise<readonly unknown[]> {
      const exits = children.map((child) => once(child, 'exit'))
      for (const child of children) child.disconnect()
      return (await Promise.all(exits)).map(([code]) => code as unknown)
    },
    [Symbol.dispose]: () => {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

function startWriter(options: WriterOptions, results: AppendResult[]): ChildProcess {
  const program = join(import.meta.dirname, 'test-support/writer-process.ts')
  const child = fork(program, [JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) results.push(JSON.parse(line) as AppendResult)
  })
  return child
}

async function leaderOf({ urls, servers }: NatsCluster, streamName: string) {
  const connection = await connect({ servers: [...urls] })
  try {
    for (;;) {
      try {
        const { cluster } = await (await jetstreamManager(connection)).streams.info(streamName)
        const leader = servers.find(({ name }) => name === cluster?.leader)
        if (leader !== undefined) return leader
      } catch (error) {
        if (hasErrorCode(error, 'store-unavailable')) throw error
      }
      await sleep(50)
    }
  } finally {
    await connection.close()
  }
}
