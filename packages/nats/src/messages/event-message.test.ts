import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PreparedEvent } from '@cim/core'
import { decodeEventMessage } from '../wire/event-codecs.ts'
import { eventHeaders } from './event-headers.ts'
import { decodeEvent, encodeEvent, mostBytesAroundData } from './event-message.ts'
import { AggregateSubjects } from './event-subject.ts'

const ids = [
  '0198c0de-0000-7000-8000-000000000001',
  'emoji 😀',
  ' blanks ',
  '100%',
  '%41',
  'é',
  'a.b>*',
  '"quoted"',
  'x'.repeat(200),
]
const aggregateOf = (aggregateId: string) => ({ aggregateType: 'Person', aggregateId })

function prepared(id: string): PreparedEvent {
  const eventData = { text: id, list: [1, null] }
  const metadata = {
    correlationId: `correlation:${id}`.slice(0, 200),
    causationId: id,
    commandId: id,
    userId: id,
    sessionId: id,
  }
  return { eventId: id, eventType: 'Noted', schemaVersion: 3, eventData, text: JSON.stringify(eventData), metadata }
}

function messageOf(id: string) {
  const event = prepared(id)
  const subject = AggregateSubjects.of('shop.', aggregateOf(id))?.event('Noted', 7) ?? ''
  const body = encodeEvent(aggregateOf(id), event, 7, '2026-01-01T00:00:00.000Z', { commandId: id, fingerprint: 9 })
  const lines = eventHeaders(aggregateOf(id), event).split('\r\n').slice(0, -1)
  const headers: Record<string, string> = Object.fromEntries(lines.map((line) => line.split(': ')))
  return { event, subject, data: Buffer.from(body), headers }
}

test('an event comes back as it was, with its place in the stream as its position', () => {
  for (const id of ids) {
    const { event, subject, data } = messageOf(id)
    const { text: _, ...content } = event
    assert.deepEqual(decodeEvent('shop.', { subject, data, sequence: 12 }), {
      envelope: { ...content, ...aggregateOf(id), sequence: 7, position: 12, timestamp: '2026-01-01T00:00:00.000Z' },
      fingerprint: 9,
    })
  }
})

test('what is stored is the wire form json, which every reader of events understands', () => {
  for (const id of ids) {
    const { subject, data, headers } = messageOf(id)
    for (const value of Object.values(headers)) assert.match(value, /^[!-~]+$/)
    const stored = decodeEvent('shop.', { subject, data, sequence: 12 })?.envelope
    const headersWithPosition = { ...headers, 'X-Position': '12' }
    assert.deepEqual(decodeEventMessage({ subject, body: data, headers: headersWithPosition }), stored)
  }
})

test('a message that is not what its subject says is an error that names its place', () => {
  const { subject, data } = messageOf('ada')
  for (const [other, body] of [
    ['shop.events.Person.Noted.bob.7', data],
    ['shop.events.Person.Noted.ada.8', data],
    ['shop.events.Team.Noted.ada.7', data],
    [subject, Buffer.from('{')],
    [subject, Buffer.from('null')],
    [subject, Buffer.from('{"event_id":"e"}')],
  ] as const) {
    assert.throws(() => decodeEvent('shop.', { subject: other, data: body, sequence: 12 }), {
      code: 'store-corrupt',
      message: /position 12/,
    })
  }
  assert.equal(decodeEvent('shop.', { subject: 'shop.outcomes.Person.c.ada.8', data, sequence: 12 }), undefined)
})

test('what stands around the data fits into what is reserved for it', () => {
  const id = '\u{10ffff}'.repeat(100)
  const { data, headers } = messageOf(id)
  const subjects = AggregateSubjects.of('shop.', aggregateOf(id))
  const more = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 300)
  assert.ok(data.length + more + (subjects?.slot(7).length ?? 0) < mostBytesAroundData, `${data.length} and ${more}`)
})
