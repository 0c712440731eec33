import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemWithId } from '@cim/core'
import { personId, reason, toLine } from './schemas.ts'

test('any text becomes a line that the schema of a reason takes', () => {
  const texts = [
    '',
    ' \n\t',
    'one\nand\u0000two',
    `\ud800half`,
    `${'x'.repeat(499)}\u{1f600}`,
    '\u0958'.repeat(500),
    'e\u0301'.repeat(600),
  ]
  for (const text of texts) assert.equal(reason.parse(toLine(text, 500)), toLine(text, 500))
  assert.equal(toLine('one\r\nand\u0000two ', 500), 'one and two')
  assert.equal(toLine('\n', 500), '-')
})

test('what an aggregate can be called, others can call it: the schemas of ids take the same as the event store', () => {
  const units = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit))
  for (const id of [
    ...units,
    '',
    'x'.repeat(200),
    'x'.repeat(201),
    '\u{1f600}',
    '\u{1f600}'.repeat(101),
    '..',
    '__proto__',
  ]) {
    const isTaken = personId.safeParse(id).success
    assert.equal(isTaken, problemWithId(id) === undefined, JSON.stringify(id.slice(0, 4)))
  }
})
