/** What the tests of wire forms share. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CommandAcknowledgment, DomainEventEnvelope, ValidationError } from '@cim/core'
import fc from 'fast-check'
import type { WireMessage } from './wire-message.ts'

export const personCreated: DomainEventEnvelope = {
  eventId: '018f3c5e-7a00-7000-8000-000000000001',
  aggregateType: 'Person',
  aggregateId: '018f3c5e-7a00-7000-8000-0000000000ad',
  sequence: 1,
  position: 42,
  eventType: 'PersonCreated',
  schemaVersion: 2,
  eventData: { legal_name: 'Ada Lovelace', date_of_birth: null },
  metadata: {
    correlationId: '018f3c5e-7a00-7000-8000-0000000000c0',
    causationId: '018f3c5e-7a00-7000-8000-0000000000c1',
    commandId: '018f3c5e-7a00-7000-8000-0000000000c1',
    userId: 'hr-1',
  },
  timestamp: '2026-06-15T12:00:00.123Z',
}

export const accepted: CommandAcknowledgment = {
  status: 'Accepted',
  aggregateId: '018f3c5e-7a00-7000-8000-0000000000ad',
  version: 1,
  position: 42,
  timestamp: '2026-06-15T12:00:00.123Z',
  commandId: '018f3c5e-7a00-7000-8000-0000000000c1',
}

export const rejected: CommandAcknowledgment = {
  ...accepted,
  status: 'Rejected',
  reason: { code: 'person-exists', message: 'Person already created' },
}

const golden = join(import.meta.dirname, '../../golden')

/** Compares with a golden file: headers, an empty line, the body. `UPDATE_GOLDEN=1` writes it, for somebody to look at. */
export function assertGolden(name: string, { headers, body }: WireMessage): void {
  const lines = Object.entries(headers).map(([key, value]) => `${key}: ${value}\n`)
  const text = `${lines.join('')}\n${Buffer.from(body).toString('utf8')}\n`
  const file = join(golden, `${name}.txt`)
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'))
}

/** @returns a golden file as a message that came */
export function readGolden(name: string): WireMessage {
  const text = readFileSync(join(golden, `${name}.txt`), 'utf8')
  const end = text.indexOf('\n\n')
  const lines = text.slice(0, end).split('\n')
  const headers = Object.fromEntries(lines.map((line) => line.split(/: (.*)/, 2) as [string, string]))
  return { headers, body: Buffer.from(text.slice(end + 2, -1)) }
}

export function bytes(value: unknown): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

/** @returns what was wrong, as `pointer: message` */
export function issuesOf(read: () => unknown): readonly string[] {
  try {
    read()
  } catch (error) {
    assert.equal((error as ValidationError).code, 'validation', String((error as Error).stack))
    return (error as ValidationError).issues.map(({ pointer, message }) => `${pointer}: ${message}`)
  }
  return assert.fail('it was read')
}

const anyId = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc.uuid(),
    fc.uuid().map((id) => id.toUpperCase()),
    fc.constantFrom(
      'correlation:',
      'causation:x',
      'correlation:correlation:y',
      ' a ',
      '%41',
      '%',
      '"',
      '__proto__',
      'é',
      '😀',
    ),
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ids have none
  .filter((id) => id.length <= 200 && id.isWellFormed() && !/[\x00-\x1f\x7f]/.test(id))
const anyName = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,30}$/)
/** As stores keep it: -0 is 0, and a property called `__proto__` is one. */
const anyData = fc.jsonValue({ stringUnit: 'binary' }).map((value) => JSON.parse(JSON.stringify(value)) as unknown)

const anyTimestamp = fc
  .date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  .map((date) => date.toISOString())

export const anyAcknowledgment: fc.Arbitrary<CommandAcknowledgment> = fc
  .record(
    {
      status: fc.constantFrom('Accepted' as const, 'Rejected' as const, 'Pending' as const),
      aggregateId: anyId,
      version: fc.maxSafeNat(),
      position: fc.maxSafeNat(),
      timestamp: anyTimestamp,
      commandId: anyId,
      reason: fc.record({ code: anyName, message: fc.string({ unit: 'binary' }) }, { noNullPrototype: true }),
    },
    { noNullPrototype: true },
  )
  .map(({ reason, ...rest }) => (rest.status === 'Rejected' ? { ...rest, reason } : rest))

export const anyEvent: fc.Arbitrary<DomainEventEnvelope> = fc.record(
  {
    eventId: anyId,
    aggregateType: anyName,
    aggregateId: anyId,
    sequence: fc.maxSafeNat().map((number) => Math.max(1, number)),
    position: fc.maxSafeNat(),
    eventType: anyName,
    schemaVersion: fc.integer({ min: 1 }),
    eventData: fc.oneof(
      anyData,
      fc.constantFrom(
        JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as unknown,
        [1, 2, 3],
        2 ** 53 + 2,
        12_345_678_901_234_567_000,
        1e308,
        5e-324,
        'line\u2028end',
        '\ud800 half',
      ),
    ),
    metadata: fc.record(
      { correlationId: anyId, causationId: anyId, commandId: anyId, userId: anyId, sessionId: anyId },
      { requiredKeys: [], noNullPrototype: true },
    ),
    timestamp: anyTimestamp,
  },
  { noNullPrototype: true },
)

export { anyData, anyId, anyName }

if (import.meta.main) {
  test('golden files are read as they were written', () => {
    assert.deepEqual(readGolden('acknowledgment-json').headers, { 'Content-Type': 'application/json' })
  })
}
