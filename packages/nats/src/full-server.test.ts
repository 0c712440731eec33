/** A server whose JetStream is full, and one that takes small messages only. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppendResult } from '@cim/core'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { startNatsServer } from './test-support/nats-server.ts'
import { allEvents, assertStoredOnce, noted, person } from './test-support/sample-events.ts'

test('a server without room refuses what does not fit, stores nothing of it, and the rest stays readable', {
  timeout: 60_000,
}, async () => {
  await using server = await startNatsServer({
    configuration: 'accounts { A { users [{ user: a, password: a }], jetstream { max_file: 2000000 } } }',
  })
  const connect = { user: 'a', pass: 'a' }
  await using store = await JetStreamEventStore.open({ servers: server.url, connect })
  const event = { eventType: 'Noted', eventData: 'x'.repeat(200_000) }
  const results: AppendResult[] = []
  await assert.rejects(
    async () => {
      for (;;) results.push(await store.appendEvents(person('ada'), [event], { expectedVersion: results.length }))
    },
    { code: 'store-full', message: /Nothing of this append was stored/ },
  )
  assert.ok(results.length > 5)
  await assert.rejects(store.appendEvents(person('bob'), [event, event], { expectedVersion: 0 }), {
    code: 'store-full',
  })
  await assertStoredOnce(store, results)
  assert.equal((await allEvents(store)).length, results.length)
  const small = await store.appendEvents(person('ada'), noted(1), { expectedVersion: results.length })
  assert.equal(small.version, results.length + 1, 'what fits is stored')
})

test('the largest event that a store accepts fits through its server', { timeout: 60_000 }, async () => {
  await using server = await startNatsServer({ configuration: 'max_payload: 64KB' })
  await using store = await JetStreamEventStore.open({ servers: server.url })
  const { maxEventBytes } = store.limits
  assert.equal(maxEventBytes, 65_536 - 16_384)
  const id = '\u{10ffff}'.repeat(100)
  const metadata = { correlationId: id, causationId: id, commandId: id, userId: id, sessionId: id }
  const event = { eventId: id, eventType: 'Noted', eventData: 'x'.repeat(maxEventBytes - 2), metadata }
  const { events } = await store.appendEvents(person(id), [event], { expectedVersion: 0 })
  assert.deepEqual(await store.loadEvents(person(id)), events)
})
