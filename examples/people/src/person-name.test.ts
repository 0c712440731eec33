import assert from 'node:assert/strict'
import { test } from 'node:test'
import { personName, personNameInput, toPersonName } from './person-name.ts'

test('whatever a command takes as a name, an event can keep', () => {
  const [long, short] = ['x'.repeat(100), 'y'.repeat(97)]
  for (const [input, isTaken] of [
    ['x'.repeat(300), true],
    ['x'.repeat(301), false],
    [{ first: long, last: long }, true],
    [{ first: long, middle: long, last: long }, false],
    [{ first: long, last: short, suffix: long }, true],
    [{ first: long, middle: '\u{1f600}'.repeat(98), last: long }, true],
    [{ first: long, middle: long, last: long, full: 'X' }, true],
    [{ middle: 'x' }, false],
  ] as const) {
    const taken = personNameInput.safeParse(input)
    assert.equal(taken.success, isTaken, JSON.stringify(input))
    if (taken.success) assert.ok(personName.safeParse(toPersonName(taken.data)).success, JSON.stringify(input))
  }
})
