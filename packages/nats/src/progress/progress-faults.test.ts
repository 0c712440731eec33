/** Progress on servers that are killed, or cannot be reached. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DeadLetterSequence,
  nothingSeen,
  type ProcessorClaim,
  type ProgressSave,
  StaleOwnerError,
} from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect } from '@nats-io/transport-node'
import { startCuttingProxy } from '../test-support/cutting-proxy.ts'
import { startNatsCluster, startNatsServer } from '../test-support/nats-server.ts'
import { ownBucket } from '../test-support/test-stores.ts'
import { JetStreamProgressStore } from './jetstream-progress-store.ts'

const processorName = 'Mailer'
const now = Date.UTC(2026, 0, 1)
const leaseMs = 10_000

function letter(index: number): DeadLetterSequence {
  const at = { fromSequence: 1, fromPosition: index, toSequence: 1, toPosition: index, eventCount: 1, attempts: 1 }
  const failure = { name: 'Error', message: 'no', eventId: `e-${index}`, eventType: 'Moved' }
  const times = { firstFailedAt: '2026-01-01T00:00:00.000Z', lastFailedAt: '2026-01-01T00:00:00.000Z' }
  const aggregate = { processorName, aggregateType: 'Person', aggregateId: `p-${index}` }
  return { ...aggregate, state: 'parked', ...at, failure, ...times, nextAttemptAt: undefined }
}

/** @returns a step that holds nothing back */
function stepOf(claim: ProcessorClaim, position: number): ProgressSave {
  const expected = { expectedPosition: position - 1, expectedRevision: 0 }
  return { claim, ...expected, position, seen: nothingSeen, leaseUntil: now + leaseMs, deadLetters: [] }
}

/** Each step holds back one more aggregate. */
async function saveStep(store: JetStreamProgressStore, position: number): Promise<void> {
  const step = stepOf({ processorName, epoch: 1 }, position)
  await store.saveProgress({ ...step, deadLetters: [{ kind: 'put', sequence: letter(position) }] })
}

for (const [title, isCluster] of [
  ['a server that is', false],
  ['two of three servers, one after the other,', true],
] as const) {
  test(`${title} killed while an owner saves: no step is lost, and none is made twice`, {
    timeout: 90_000,
  }, async () => {
    await using cluster = isCluster ? await startNatsCluster() : undefined
    await using single = isCluster ? undefined : await startNatsServer()
    const servers = cluster?.servers ?? (single === undefined ? [] : [single])
    const own = ownBucket({ servers: servers.map(({ url }) => url), requestTimeoutMs: 1000 })
    await using store = await JetStreamProgressStore.open(own)
    await using other = await JetStreamProgressStore.open(own)
    assert.equal((await store.claimProcessor(processorName, { owner: 'first', now, leaseMs }))?.epoch, 1)
    let saved = 0
    let isStopping = false
    const saving = (async () => {
      while (!isStopping) await saveStep(store, ++saved)
    })()
    for (const server of servers.slice(0, 2)) {
      const before = saved
      while (saved < before + 20) await Promise.race([saving, new Promise((resolve) => setTimeout(resolve, 10))])
      await server.kill()
      await server.start()
    }
    isStopping = true
    await saving
    for (const reader of [store, other]) {
      const progress = await reader.readProgress(processorName)
      assert.deepEqual([progress?.position, progress?.epoch], [saved, 1])
      const { sequences } = await reader.listDeadLetters(processorName, { limit: 1000 })
      assert.deepEqual(
        sequences.map(({ fromPosition }) => fromPosition),
        Array.from({ length: saved }, (_, index) => index + 1).slice(0, 1000),
      )
    }
  })
}

test('a change that could not be sent does not say that it may have been made', { timeout: 30_000 }, async () => {
  await using server = await startNatsServer()
  const proxy = await startCuttingProxy(server.port)
  const times = { requestTimeoutMs: 200, giveUpAfterMs: 400 }
  await using store = await JetStreamProgressStore.open(ownBucket({ servers: proxy.url, ...times }))
  await store.claimProcessor(processorName, { owner: 'first', now, leaseMs })
  await proxy[Symbol.asyncDispose]()
  await assert.rejects(store.readProgress(processorName), { code: 'store-unavailable' })
  await assert.rejects(saveStep(store, 1), (error: Error) => {
    assert.match(error.message, /saving progress did not succeed within 400 ms/)
    assert.doesNotMatch(error.message, /is not known/)
    return true
  })
})

test('a leader that has lost the others is asked with pauses whether a change is taken', {
  timeout: 60_000,
}, async () => {
  await using cluster = await startNatsCluster()
  const own = ownBucket({ requestTimeoutMs: 300, giveUpAfterMs: 3000 })
  const first = await connect({ servers: [...cluster.urls] })
  await using before = await JetStreamProgressStore.open({ ...own, connection: first })
  await before.setPaused(processorName, false)
  const info = await (await jetstreamManager(first)).streams.info(`KV_${own.bucket}`)
  const leader = cluster.servers.find(({ name }) => name === info.cluster?.leader)
  assert.ok(leader !== undefined, 'the bucket has a leader')
  const connection = await connect({ servers: leader.url })
  await using store = await JetStreamProgressStore.open({ ...own, connection })
  let changes = 0
  const publish = connection.publish.bind(connection)
  connection.publish = (subject, ...rest) => {
    if (subject.startsWith('$KV.')) changes++
    publish(subject, ...rest)
  }
  await Promise.all(cluster.servers.filter((server) => server !== leader).map((server) => server.kill()))
  await assert.rejects(store.setPaused(processorName, true), { code: 'store-unavailable' })
  assert.ok(changes > 1 && changes < 100, `it was asked ${changes} times`)
  await Promise.all([connection.close(), first.close()])
})

for (const [title, isSame] of [
  ['another process', false],
  ['the same process', true],
] as const) {
  test(`an owner whose claim the servers have lost is refused when a runner of ${title} has its epoch`, {
    timeout: 30_000,
  }, async () => {
    await using server = await startNatsServer()
    const own = ownBucket({ servers: server.url })
    await using first = await JetStreamProgressStore.open(own)
    await using second = isSame ? first : await JetStreamProgressStore.open(own)
    const claimAs = async (store: JetStreamProgressStore, owner: string): Promise<ProcessorClaim> => {
      const claim = await store.claimProcessor(processorName, { owner, now, leaseMs })
      assert.ok(claim !== undefined, `${owner} is given the processor`)
      return claim
    }
    const connection = await connect({ servers: server.url })
    const bucket = await new Kvm(connection).open(own.bucket ?? '')
    await first.setPaused(processorName, false)
    const older = await bucket.get(`${processorName}.progress`)
    const lost = await claimAs(first, 'first')
    await bucket.put(`${processorName}.progress`, older?.value ?? '')
    const kept = await claimAs(second, 'second')
    assert.deepEqual(kept, lost, 'both have the same epoch')
    await second.saveProgress(stepOf(kept, 1))
    await assert.rejects(first.renewClaim(lost, now + leaseMs), StaleOwnerError)
    await assert.rejects(first.saveProgress(stepOf(lost, 2)), StaleOwnerError)
    await first.releaseClaim(lost)
    await second.saveProgress(stepOf(kept, 2))
    const progress = await second.readProgress(processorName)
    assert.deepEqual([progress?.owner, progress?.position], ['second', 2])
    await connection.close()
  })
}
