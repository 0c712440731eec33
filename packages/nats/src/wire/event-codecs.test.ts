import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PreparedEvent } from '@cim/core'
import fc from 'fast-check'
import { encodeEvent } from '../messages/event-message.ts'
import { decodeEventMessage, eventCodecs } from './event-codecs.ts'
import { anyEvent, assertGolden, bytes, issuesOf, personCreated, readGolden } from './sample-wire.test.ts'

const { eventId, metadata } = personCreated

describe('a wire form of events', () => {
  for (const codec of Object.values(eventCodecs)) {
    const name = `event-${codec.codecName}`

    test(`${codec.codecName}: is what its golden file says, and is read back without being told which it is`, () => {
      assertGolden(name, codec.encode(personCreated))
      assert.deepEqual(codec.decode(readGolden(name)), personCreated)
      assert.deepEqual(decodeEventMessage(readGolden(name)), personCreated)
    })

    test(`${codec.codecName}: gives back every event as it was`, () => {
      fc.assert(
        fc.property(anyEvent, (event) => {
          const message = codec.encode(event)
          for (const value of Object.values(message.headers)) assert.match(value, /^[\x21-\x7e]+$/)
          assert.deepEqual(decodeEventMessage(message), event)
        }),
        { numRuns: 300 },
      )
      assert.equal(({} as { polluted?: unknown }).polluted, undefined)
    })

    test(`${codec.codecName}: refuses what is no event, whatever it is`, () => {
      for (const body of [
        '',
        '{',
        'null',
        '1',
        '[]',
        '{}',
        '"x"',
        '{"__proto__": {"event_id": "e"}}',
        '[['.repeat(9999),
      ]) {
        assert.ok(issuesOf(() => codec.decode({ body: bytes(body) })).length > 0)
      }
      assert.ok(issuesOf(() => codec.decode({ body: Uint8Array.of(0xff, 0xfe) })).length > 0)
      fc.assert(fc.property(fc.jsonValue(), (value) => issuesOf(() => codec.decode({ body: bytes(value) })).length > 0))
    })
  }
})

/** The mission's struct, as a service in Rust publishes it: without any header. */
const fromRust = {
  event_id: eventId,
  aggregate_id: 'ada',
  sequence: 1,
  event_type: 'PersonCreated',
  event_data: [...Buffer.from('{"name":"Ada"}')],
  metadata: { correlation_id: null, causation_id: null, user_id: null, session_id: null },
  timestamp: { secs_since_epoch: 1_781_524_800, nanos_since_epoch: 123_999_999 },
}

describe('events of other services', () => {
  test('are no others than those that the event store keeps, whose position is their place in the stream', () => {
    const { aggregateType, aggregateId, sequence, timestamp, eventData, ...event } = personCreated
    const prepared = { ...event, eventData, text: JSON.stringify(eventData), bytes: 0 }
    const command = { commandId: 'c', fingerprint: 7 }
    const body = encodeEvent({ aggregateType, aggregateId }, prepared as PreparedEvent, sequence, timestamp, command)
    assert.deepEqual(decodeEventMessage({ body: bytes(body) }), { ...personCreated, position: 0 })
  })

  test('of Rust are read by the mission’s subject and struct alone', () => {
    assert.deepEqual(decodeEventMessage({ subject: 'events.Person.PersonCreated', body: bytes(fromRust) }), {
      eventId,
      aggregateType: 'Person',
      aggregateId: 'ada',
      sequence: 1,
      position: 0,
      eventType: 'PersonCreated',
      schemaVersion: 1,
      eventData: { name: 'Ada' },
      metadata: {},
      timestamp: '2026-06-15T12:00:00.123Z',
    })
  })

  test('may write ids of entities and of causes in other ways, and say more than is known', () => {
    for (const aggregate_id of ['ada', { id: 'ada' }, { value: 'ada' }]) {
      const body = {
        ...fromRust,
        aggregate_id,
        metadata: { correlation_id: `correlation:${metadata.correlationId}`, causation_id: 'causation:c', more: [1] },
        more: { a: 1 },
      }
      const event = decodeEventMessage({ subject: 'hr.events.Person.PersonCreated.ada.1', body: bytes(body) })
      assert.equal(event.aggregateId, 'ada')
      assert.equal(event.aggregateType, 'Person')
      assert.deepEqual(event.metadata, { correlationId: metadata.correlationId, causationId: 'c' })
    }
  })

  test('may leave causes to the headers, in any case', () => {
    const headers = { 'x-correlation-id': 'correlation:c 1', 'X-AGGREGATE-TYPE': 'Person', 'nats-msg-id': 'other' }
    const event = decodeEventMessage({ headers, body: bytes({ ...fromRust, metadata: undefined }) })
    assert.deepEqual(
      [event.metadata, event.aggregateType, event.eventId],
      [{ correlationId: 'c 1' }, 'Person', eventId],
    )
  })

  test('are told everything that is wrong with theirs, and where', () => {
    const body = {
      ...fromRust,
      event_id: 7,
      aggregate_id: { uuid: 'x' },
      sequence: 0,
      event_type: 'Person Created',
      event_data: [256],
      metadata: 'none',
      timestamp: { secs_since_epoch: -1, nanos_since_epoch: 0 },
    }
    assert.deepEqual(
      issuesOf(() => decodeEventMessage({ body: bytes(body) })),
      [
        '/metadata: must be an object, got "none"',
        '/event_data: must be an array of bytes, numbers from 0 to 255 that are JSON in UTF-8, got [256]',
        '/event_id: must be a string, got number',
        "/aggregate_type: must be a name: a letter, then letters, digits, '_' or '-', at most 100 characters, got nothing",
        '/aggregate_id: must be a string, {"id": "…"} or {"value": "…"}, got {"uuid":"x"}',
        '/sequence: must be a whole number from 1 to 9007199254740991, got 0',
        "/event_type: must be a name: a letter, then letters, digits, '_' or '-', at most 100 characters, got \"Person Created\"",
        '/timestamp: must be ISO-8601 with a time zone, for instance 2026-06-15T12:00:00.000Z, or ' +
          '{"secs_since_epoch": 1781524800, "nanos_since_epoch": 0}, got {"secs_since_epoch":-1,"nanos_since_epoch":0}',
      ],
    )
  })

  test('whose numbers would become others are refused', () => {
    const text = JSON.stringify({ ...fromRust, event_data: '#' })
    for (const number of ['9007199254740993', '1e999', '-12345678901234567890']) {
      const data = [...Buffer.from(`{"amount":${number}}`)]
      const body = bytes(text.replace('"#"', JSON.stringify(data)))
      assert.deepEqual(
        issuesOf(() => decodeEventMessage({ subject: 'events.P.E', body })),
        [
          `/event_data/amount: must be a number that a double can hold, got ${number} (at "amount"); send it as a string`,
        ],
      )
    }
  })

  test('that are CloudEvents may come in base64, and must be JSON', () => {
    const attributes = {
      specversion: '1.0',
      id: 'e-1',
      source: '/other',
      type: 'PersonCreated',
      subject: 'ada',
      time: '2026-06-15T14:00:00.123456789+02:00',
      aggregatetype: 'Person',
      sequence: '3',
    }
    const read = (more: object) =>
      decodeEventMessage({
        headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
        body: bytes({ ...attributes, ...more }),
      })
    const event = read({ data_base64: Buffer.from('{"a":1}').toString('base64') })
    assert.deepEqual([event.eventData, event.sequence, event.timestamp], [{ a: 1 }, 3, '2026-06-15T12:00:00.123Z'])
    assert.deepEqual(
      issuesOf(() => read({ data: 'x', datacontenttype: 'text/plain', specversion: '0.3' })),
      ['/specversion: must be "1.0", got "0.3"', '/datacontenttype: must be application/json, got "text/plain"'],
    )
    assert.match(issuesOf(() => read({ data_base64: '!' })).join(), /^\/data_base64: must be base64/)
  })

  test('cannot be given a time that Rust could not read', () => {
    const early = { ...personCreated, timestamp: '1969-12-31T23:59:59.999Z' }
    assert.match(issuesOf(() => eventCodecs.serde.encode(early)).join(), /^\/timestamp: must be ISO-8601 from 1970/)
  })
})
