/** Which strings may name things, and that all of them are told apart. */

import assert from 'node:assert/strict'
import type { EventMetadata, EventStore, NewEvent } from '@cim/core'
import { rejectsWithCode } from '../conformance/assertions.ts'
import { difficultIds, impossibleIds, impossibleTypeNames } from '../conformance/difficult-strings.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { noted, person } from './sample-events.ts'

const longest = ['x'.repeat(200), '😀'.repeat(100), '\u{10ffff}'.repeat(100)]

/** @param tests registers tests with the adapter */
export function identifierTests({ test }: StoreTests<EventStore>): void {
  test('every acceptable string can be an aggregate id, and all are told apart', async ({ store }) => {
    const ids = [...difficultIds, ...longest]
    for (const aggregateId of ids) {
      const eventData = { aggregateId }
      await store.appendEvents(person(aggregateId), [{ eventType: 'Noted', eventData }], { expectedVersion: 0 })
    }
    for (const aggregateId of ids) {
      const loaded = await store.loadEvents(person(aggregateId))
      assert.deepEqual(
        loaded.map((event) => [event.aggregateId, event.sequence, event.eventData]),
        [[aggregateId, 1, { aggregateId }]],
      )
    }
    const { events } = await store.readEvents()
    assert.deepEqual(
      events.map((event) => event.aggregateId),
      ids,
    )
  })

  test('every acceptable string can be an event id and stand in the metadata', async ({ store }) => {
    const ids = [...difficultIds, ...longest]
    for (const [index, id] of ids.entries()) {
      const metadata: EventMetadata = { correlationId: id, causationId: id, commandId: id, userId: id, sessionId: id }
      const event: NewEvent = { eventType: 'Noted', eventData: null, eventId: id, metadata }
      await store.appendEvents(person('ada'), [event], { expectedVersion: index })
      const [loaded] = await store.loadEvents(person('ada'), { fromVersion: index + 1 })
      assert.deepEqual({ eventId: loaded?.eventId, metadata: loaded?.metadata }, { eventId: id, metadata })
    }
    for (const correlationId of ids) {
      const { events } = await store.readEvents({ correlationId })
      assert.deepEqual(
        events.map(({ eventId }) => eventId),
        [correlationId],
      )
    }
  })

  test('metadata that is undefined is left out', async ({ store }) => {
    const metadata = { userId: 'u-1', sessionId: undefined } as unknown as EventMetadata
    const event: NewEvent = { eventType: 'Noted', eventData: null, metadata }
    const { events } = await store.appendEvents(person('ada'), [event], { expectedVersion: 0 })
    assert.deepEqual(events[0]?.metadata, { userId: 'u-1' })
    assert.deepEqual(await store.loadEvents(person('ada')), events)
  })

  test('a string that cannot be an identifier is refused wherever one is asked for', async ({ store }) => {
    const wrong: readonly unknown[] = [...impossibleIds, 42, null, {}]
    for (const id of wrong as readonly string[]) {
      const refused = (events: readonly NewEvent[]) =>
        rejectsWithCode(store.appendEvents(person('ada'), events, { expectedVersion: 0 }), 'validation')
      await rejectsWithCode(store.appendEvents(person(id), noted(1), { expectedVersion: 0 }), 'validation')
      if (id !== null) await refused([{ eventType: 'Noted', eventData: 1, eventId: id }])
      for (const name of ['correlationId', 'causationId', 'commandId', 'userId', 'sessionId']) {
        await refused([{ eventType: 'Noted', eventData: 1, metadata: { [name]: id } }])
      }
      const command = { commandId: id, fingerprint: 1 }
      const append = store.appendEvents(person('ada'), noted(1), { expectedVersion: 0, command })
      await rejectsWithCode(append, 'validation')
      const outcome = { fingerprint: 1, status: 'Rejected', version: 0, position: 0, timestamp: '' } as const
      await rejectsWithCode(store.recordCommand(person('ada'), { ...outcome, commandId: id }), 'validation')
      await rejectsWithCode(store.recordCommand(person(id), { ...outcome, commandId: 'c' }), 'validation')
    }
    assert.equal(await store.headPosition(), 0)
  })

  test('nothing is found under a string that cannot be an identifier', async ({ store }) => {
    // A store that replaces half a pair would take it for this one.
    const command = { commandId: 'half a pair \ufffd', fingerprint: 1 }
    const metadata = { commandId: command.commandId, correlationId: command.commandId }
    const event: NewEvent = { eventType: 'Noted', eventData: 1, metadata }
    await store.appendEvents(person('half a pair \ufffd'), [event], { expectedVersion: 0, command })
    for (const id of impossibleIds) {
      assert.deepEqual(await store.loadEvents(person(id)), [])
      assert.equal(await store.findCommand(person(id), 'c'), undefined)
      assert.equal(await store.findCommand(person('half a pair \ufffd'), id), undefined)
      assert.deepEqual((await store.readEvents({ correlationId: id })).events, [])
    }
  })

  test('type names are one plain token', async ({ store }) => {
    for (const name of impossibleTypeNames) {
      const aggregate = { aggregateType: name, aggregateId: 'ada' }
      await rejectsWithCode(store.appendEvents(aggregate, noted(1), { expectedVersion: 0 }), 'validation')
      const event = { eventType: name, eventData: 1 }
      await rejectsWithCode(store.appendEvents(person('ada'), [event], { expectedVersion: 0 }), 'validation')
      assert.deepEqual(await store.loadEvents(aggregate), [])
      assert.deepEqual((await store.readEvents({ aggregateType: name })).events, [])
    }
    for (const name of ['P', 'x'.repeat(100), 'constructor', 'a-b_c9']) {
      const aggregate = { aggregateType: name, aggregateId: 'ada' }
      await store.appendEvents(aggregate, [{ eventType: name, eventData: 1 }], { expectedVersion: 0 })
      const { events } = await store.readEvents({ aggregateType: name })
      assert.deepEqual(
        events.map((event) => [event.aggregateType, event.eventType]),
        [[name, name]],
      )
    }
  })

  test('metadata has no other fields, and schema versions count from 1', async ({ store }) => {
    const event: NewEvent = { eventType: 'Noted', eventData: 1 }
    const unknown = [{ ...event, metadata: { userID: 'u-1' } as EventMetadata }]
    await rejectsWithCode(store.appendEvents(person('ada'), unknown, { expectedVersion: 0 }), 'validation')
    for (const schemaVersion of [0, -1, 1.5, Number.NaN]) {
      const events = [{ ...event, schemaVersion }]
      await rejectsWithCode(store.appendEvents(person('ada'), events, { expectedVersion: 0 }), 'invalid-option')
    }
  })
}
