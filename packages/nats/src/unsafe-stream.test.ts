/** Streams that could lose events are reported, and refused. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { acceptableSettings } from './stream/stream-difference.ts'
import { compareStream, streamSettings } from './stream/stream-settings.ts'
import type { UnsafeStreamError } from './stream/unsafe-stream-error.ts'
import { startNatsServer } from './test-support/nats-server.ts'
import { noted, person } from './test-support/sample-events.ts'
import { ownStream } from './test-support/test-stores.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

async function makeStream(settings: Partial<StreamConfig>) {
  const own = ownStream({ servers: server.url })
  const { streamName: name = '', subjectPrefix: prefix } = own
  const connection = await connect({ servers: server.url })
  const { streams } = await jetstreamManager(connection)
  const safe = streamSettings({ name, subjects: [`${prefix}.events.>`, `${prefix}.outcomes.>`], replicas: 1 })
  await streams.add({ ...safe, ...settings, name })
  await connection.close()
  return own
}

async function refusal(options: Parameters<typeof JetStreamEventStore.open>[0]): Promise<UnsafeStreamError> {
  let refused: unknown
  try {
    const store = await JetStreamEventStore.open(options)
    await store.close()
  } catch (error) {
    refused = error
  }
  const error = refused as UnsafeStreamError
  assert.equal(error?.code, 'unsafe-stream', String(refused))
  return error
}

describe('a stream that could lose events', () => {
  for (const [setting, settings] of [
    ['max_age', { max_age: 3_600_000_000_000 }],
    ['max_bytes', { max_bytes: 1_000_000 }],
    ['max_msgs', { max_msgs: 1000 }],
    ['discard', { discard: DiscardPolicy.Old, discard_new_per_subject: false }],
    ['retention', { retention: RetentionPolicy.Interest }],
    ['storage', { storage: StorageType.Memory }],
    ['max_msgs_per_subject', { max_msgs_per_subject: 5 }],
    ['deny_delete', { deny_delete: false }],
    ['deny_purge', { deny_purge: false }],
    ['allow_msg_ttl', { allow_msg_ttl: true }],
  ] as const) {
    test(`is refused for its ${setting}, and accepted when that is named`, async () => {
      const own = await makeStream(settings)
      const error = await refusal(own)
      const names = error.differences.map((difference) => difference.setting)
      assert.ok(names.includes(setting), error.message)
      assert.match(error.message, new RegExp(`${setting} is .*, expected .*allowUnsafe: \\[.*'${setting}'`))
      await using store = await JetStreamEventStore.open({ ...own, allowUnsafe: names })
      assert.equal((await store.appendEvents(person('ada'), noted(2), { expectedVersion: 0 })).version, 2)
    })
  }

  test('is refused for several settings at once, each with what may happen', async () => {
    const own = await makeStream({ max_age: 60_000_000_000, deny_purge: false })
    const { message, differences } = await refusal({ ...own, allowUnsafe: ['max_age'] })
    assert.deepEqual(
      differences.map(({ setting }) => setting),
      ['deny_purge'],
    )
    assert.match(message, /all events can be deleted at once/)
    assert.doesNotMatch(message, /max_age/)
  })

  test('is refused for fewer replicas than asked for', async () => {
    const own = await makeStream({})
    const { differences } = await refusal({ ...own, replicas: 3 })
    assert.deepEqual(
      differences.map(({ setting, expected, found }) => [setting, expected, found]),
      [['replicas', '3', '1']],
    )
  })
})

test('a stream on which the store cannot work is refused whatever is allowed', async () => {
  const own = await makeStream({ allow_atomic: false, allow_direct: false })
  const names = ['allow_atomic', 'allow_direct']
  const { message, differences } = await refusal({ ...own, allowUnsafe: [...acceptableSettings] })
  assert.deepEqual(
    differences.map(({ setting }) => setting),
    names,
  )
  assert.doesNotMatch(message, /allowUnsafe/)
  await refusal({ ...(await makeStream({ subjects: ['something.>'] })), allowUnsafe: [...acceptableSettings] })
})

test('a server older than 2.12 is refused', () => {
  const wanted = { name: 'S', subjects: ['events.>'], replicas: 1 }
  const config = { ...streamSettings(wanted), sealed: false } as StreamConfig
  for (const version of ['2.11.9', '2.9.0', '1.4.1']) {
    const [difference] = compareStream(config, wanted, version)
    assert.deepEqual([difference?.setting, difference?.isImpossible], ['server_version', true])
  }
  for (const version of ['2.12.0', '2.15.1', '3.0.0']) assert.deepEqual(compareStream(config, wanted, version), [])
})

test('the stream that the store makes is safe, and opens again', async () => {
  const own = ownStream({ servers: server.url })
  for (let time = 0; time < 2; time++) {
    await using store = await JetStreamEventStore.open(own)
    await store.appendEvents(person('ada'), noted(1), { expectedVersion: time })
  }
})

test('opening names what is wrong', async () => {
  const open = (options: object) => JetStreamEventStore.open(options as never)
  await assert.rejects(open({}), { code: 'invalid-option', message: /'servers' or connection must be given/ })
  await assert.rejects(open({ servers: server.url, streamname: 'S' }), {
    code: 'invalid-option',
    message: /streamname/,
  })
  await assert.rejects(open({ servers: server.url, streamName: 'a.b' }), { code: 'invalid-option' })
  await assert.rejects(open({ servers: server.url, subjectPrefix: 'a.>' }), { code: 'invalid-option' })
  await assert.rejects(open({ servers: server.url, allowUnsafe: ['maxAge'] }), { message: /maxAge.* max_age/ })
  await assert.rejects(open({ servers: server.url, reads: 'all' }), { code: 'invalid-option' })
  await assert.rejects(open({ servers: server.url, limits: { maxEventBytes: 2_000_000 } }), { code: 'invalid-option' })
  await assert.rejects(open({ servers: 'nats://127.0.0.1:1' }), {
    code: 'store-unavailable',
    message: /127\.0\.0\.1:1/,
  })
  await assert.rejects(open({ ...ownStream({ servers: server.url }), replicas: 3 }), { code: 'store-unavailable' })
})

test('a connection that was given stays open', async () => {
  const connection = await connect({ servers: server.url })
  const { servers: _, ...own } = ownStream({ servers: server.url })
  const store = await JetStreamEventStore.open({ ...own, connection })
  await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
  await store.close()
  assert.equal(connection.isClosed(), false)
  await connection.close()
})

test('what somebody else wrote into the stream is named instead of taken for an event', async () => {
  const own = ownStream({ servers: server.url })
  await using store = await JetStreamEventStore.open(own)
  await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
  const connection = await connect({ servers: server.url })
  connection.publish(`${own.subjectPrefix}.events.Person.Noted.bob.1`, 'not an event')
  await connection.flush()
  await connection.close()
  assert.equal((await store.loadEvents(person('ada'))).length, 1)
  await assert.rejects(store.loadEvents(person('bob')), { code: 'store-corrupt', message: /position 2 .*\.bob\.1/ })
  await assert.rejects(store.readEvents(), { code: 'store-corrupt' })
})
