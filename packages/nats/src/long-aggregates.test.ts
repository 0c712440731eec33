/** Aggregates with more events and outcomes than a server reads at once. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { CommandRecord, NewEvent } from '@cim/core'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { startNatsServer } from './test-support/nats-server.ts'
import { noted, person } from './test-support/sample-events.ts'
import { ownStream } from './test-support/test-stores.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

const byCommand = (commandId: string, count: number): NewEvent[] =>
  noted(count).map((event) => ({ ...event, metadata: { commandId } }))

const rejection = (index: number): CommandRecord => ({
  commandId: `rejected-${index}`,
  fingerprint: index,
  status: 'Rejected',
  version: 2500,
  position: 2500,
  timestamp: '2026-01-01T00:00:00.000Z',
  reason: { code: 'no', message: `no, for the ${index}th time` },
})

test('commands of an aggregate of thousands of events and rejections are recognised', { timeout: 60_000 }, async () => {
  const own = ownStream({ servers: server.url })
  const store = await JetStreamEventStore.open(own)
  for (let part = 0; part < 5; part++) {
    const command = { commandId: `c-${part}`, fingerprint: part }
    await store.appendEvents(person('ada'), byCommand(`c-${part}`, 500), { expectedVersion: part * 500, command })
  }
  for (let index = 0; index < 1100; index++) await store.recordCommand(person('ada'), rejection(index))
  const head = await store.headPosition()
  assert.equal(head, 2500, 'outcomes are no events')
  await store.close()

  await using reopened = await JetStreamEventStore.open(own)
  await using other = await JetStreamEventStore.open(own)
  assert.equal(await reopened.headPosition(), head)
  assert.equal((await reopened.loadEvents(person('ada'))).length, 2500)
  assert.deepEqual(await reopened.findCommand(person('ada'), 'rejected-7'), rejection(7))
  assert.deepEqual(
    await other.recordCommand(person('ada'), { ...rejection(1099), status: 'Accepted' }),
    rejection(1099),
  )
  assert.deepEqual((await other.findCommand(person('ada'), 'c-3'))?.version, 2000)
  const repeat = await other.appendEvents(person('ada'), byCommand('c-1', 1), {
    expectedVersion: 0,
    command: { commandId: 'c-1', fingerprint: 1 },
  })
  assert.deepEqual([repeat.isRepeat, repeat.events.length, repeat.version], [true, 500, 1000])
  const command = { commandId: 'new', fingerprint: 1 }
  const added = await reopened.appendEvents(person('ada'), byCommand('new', 2), { expectedVersion: 2500, command })
  assert.deepEqual([added.isRepeat, added.version], [false, 2502])
  assert.equal((await other.appendEvents(person('ada'), noted(1), { expectedVersion: 2502 })).version, 2503)
})

test('readers pass over outcomes: positions are those of events', { timeout: 60_000 }, async () => {
  const own = ownStream({ servers: server.url })
  await using store = await JetStreamEventStore.open(own)
  const first = await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
  for (let index = 0; index < 30; index++) await store.recordCommand(person('ada'), rejection(index))
  assert.equal(await store.headPosition(), first.position)
  const page = await store.readEvents()
  assert.deepEqual([page.events.length, page.position, page.isEnd], [1, first.position, true])
  const batches = store.subscribe('>', { batchSize: 4 })[Symbol.asyncIterator]()
  assert.deepEqual((await batches.next()).value, { events: first.events, position: first.position })
  const waiting = batches.next()
  const second = await store.appendEvents(person('ada'), noted(1), { expectedVersion: 1 })
  assert.deepEqual((await waiting).value, { events: second.events, position: second.position })
  for (let index = 40; index < 50; index++) await store.recordCommand(person('ada'), rejection(index))
  await using other = await JetStreamEventStore.open(own)
  assert.equal(await other.headPosition(), second.position)
  assert.deepEqual((await other.readEvents({ limit: 1 })).isEnd, false)
  await batches.return?.()
})

test('a load with a limit comes in portions, without one as a whole', { timeout: 60_000 }, async () => {
  await using store = await JetStreamEventStore.open(ownStream({ servers: server.url }))
  const text = 'x'.repeat(500_000)
  for (let version = 0; version < 60; version += 20) {
    const events = Array.from({ length: 20 }, () => ({ eventType: 'Noted', eventData: text }))
    await store.appendEvents(person('ada'), events, { expectedVersion: version })
  }
  assert.equal((await store.loadEvents(person('ada'))).length, 60)
  const sizes: number[] = []
  for (let fromVersion = 1; fromVersion <= 60; ) {
    const portion = await store.loadEvents(person('ada'), { fromVersion, limit: 1000 })
    assert.equal(portion[0]?.sequence, fromVersion)
    sizes.push(portion.length)
    fromVersion += portion.length
  }
  assert.ok(sizes.length > 1 && sizes.every((size) => size > 0), sizes.join(', '))
  assert.equal((await store.readEvents()).isEnd, false, 'a page of large events is smaller, too')
})
