import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeHeader, encodeHeader, eventHeaders } from './event-headers.ts'

test('plain ids stand in headers as they are, all others percent-encoded, and come back', () => {
  assert.equal(encodeHeader('0198c0de-0000-7000-8000-000000000001'), '0198c0de-0000-7000-8000-000000000001')
  for (const id of ['emoji 😀', ' blanks ', '100%', '%41', 'é', 'line\u2028', 'a:b']) {
    assert.match(encodeHeader(id), /^[!-~]+$/)
    assert.equal(decodeHeader(encodeHeader(id)), id)
  }
  assert.equal(decodeHeader('100%'), '100%', 'what others wrote is left as it is')
})

test('headers name the aggregate, the type and what the event belongs to', () => {
  const event = { eventId: 'e', eventType: 'Noted', schemaVersion: 1, eventData: 1, text: '1' }
  const aggregate = { aggregateType: 'Person', aggregateId: 'ada l' }
  assert.deepEqual(eventHeaders(aggregate, { ...event, metadata: { correlationId: 'c', causationId: 'd' } }), [
    ['X-Aggregate-ID', 'ada%20l'],
    ['X-Event-Type', 'Noted'],
    ['X-Correlation-ID', 'c'],
    ['X-Causation-ID', 'd'],
  ])
  assert.equal(eventHeaders(aggregate, { ...event, metadata: {} }).length, 2)
})
