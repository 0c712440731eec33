/** Buckets that somebody has set up otherwise: what is refused, and what is kept to. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type DeadLetterSequence, nothingSeen } from '@cim/core'
import { DiscardPolicy, jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { startNatsServer } from '../test-support/nats-server.ts'
import { ownBucket } from '../test-support/test-stores.ts'
import { JetStreamProgressStore } from './jetstream-progress-store.ts'
import { bucketSettings } from './progress-settings.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

/** @returns options for a bucket that another program has made with other settings */
async function bucketWith(settings: Partial<StreamConfig>) {
  const own = ownBucket({ servers: server.url })
  const connection = await connect({ servers: server.url })
  const manager = await jetstreamManager(connection)
  const wanted = { name: `KV_${own.bucket}`, subjects: [`$KV.${own.bucket}.>`], replicas: 1 }
  await manager.streams.add({ ...bucketSettings(wanted), ...settings })
  await connection.close()
  return own
}

test('a bucket that makes room by deleting old progress is refused, whatever is accepted', async () => {
  for (const limit of [{ max_bytes: 20_000 }, { max_msgs: 100 }]) {
    const own = await bucketWith({ ...limit, discard: DiscardPolicy.Old })
    const allowUnsafe = ['discard', ...Object.keys(limit)]
    await assert.rejects(JetStreamProgressStore.open({ ...own, allowUnsafe }), {
      code: 'unsafe-stream',
      message: /discard is old, expected new \(the progress of .* is deleted .* effects are repeated\)/,
    })
  }
})

test('a bucket that would delete old progress, and has no limit, can be accepted', async () => {
  const own = await bucketWith({ discard: DiscardPolicy.Old })
  await assert.rejects(JetStreamProgressStore.open(own), /allowUnsafe: \['discard'\]/)
  await using store = await JetStreamProgressStore.open({ ...own, allowUnsafe: ['discard'] })
  assert.equal(await store.readProgress('Mailer'), undefined)
})

test('dead letters are cut to what a message of the bucket may have', async () => {
  const own = await bucketWith({ max_msg_size: 65_536 })
  await assert.rejects(JetStreamProgressStore.open(own), /max_msg_size is 65536, expected -1.*'max_msg_size'/)
  await using store = await JetStreamProgressStore.open({ ...own, allowUnsafe: ['max_msg_size'] })
  const claim = await store.claimProcessor('Mailer', { owner: 'first', now: 0, leaseMs: 1000 })
  assert.ok(claim !== undefined, 'the processor is given')
  const sequence = letterOf('x'.repeat(200_000))
  const step = { expectedPosition: 0, expectedRevision: 0, position: 1, seen: nothingSeen, leaseUntil: 1000 }
  await store.saveProgress({ claim, ...step, deadLetters: [{ kind: 'put', sequence }] })
  await using other = await JetStreamProgressStore.open({ ...own, allowUnsafe: ['max_msg_size'] })
  assert.deepEqual((await other.listDeadLetters('Mailer')).sequences, [sequence])
})

test('a bucket whose messages are too small for a record is refused, whatever is accepted', async () => {
  const own = await bucketWith({ max_msg_size: 65_535 })
  await assert.rejects(JetStreamProgressStore.open({ ...own, allowUnsafe: ['max_msg_size'] }), {
    code: 'unsafe-stream',
    message: /max_msg_size is 65535, expected -1, or at least 65536/,
  })
})

function letterOf(message: string): DeadLetterSequence {
  const at = { fromSequence: 1, fromPosition: 1, toSequence: 1, toPosition: 1, eventCount: 1, attempts: 1 }
  const failure = { name: 'Error', message, eventId: 'e', eventType: 'Moved' }
  const times = { firstFailedAt: '2026-01-01T00:00:00.000Z', lastFailedAt: '2026-01-01T00:00:00.000Z' }
  const aggregate = { processorName: 'Mailer', aggregateType: 'Person', aggregateId: 'ada' }
  return { ...aggregate, state: 'parked', ...at, failure, ...times, nextAttemptAt: undefined }
}
