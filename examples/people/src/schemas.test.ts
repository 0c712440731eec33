import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reason, toLine } from './schemas.ts'

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
