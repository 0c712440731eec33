import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkOptions, checkWholeNumber } from './check-options.ts'
import * as original from './cim-error.ts'
import { ConcurrencyError } from './concurrency-errors.ts'
import { InvalidOptionError, UnknownNameError, ValidationError } from './input-errors.ts'

const { CimError, hasErrorCode, isCimError } = original

describe('errors', () => {
  test('are known by their code, whichever copy of the module made them', async () => {
    const error = new ConcurrencyError('Person', 'ada', 1, 2)
    // Another query gives another instance of the module.
    const copy = (await import(`./cim-error.ts?${'copy'}`)) as typeof original
    assert.notEqual(copy.CimError, CimError)
    assert.ok(!(error instanceof copy.CimError))
    assert.ok(copy.isCimError(error) && copy.hasErrorCode(error, 'concurrency'))
    assert.ok(!hasErrorCode(error, 'other'))
  })

  test('are not taken for other things that are thrown', () => {
    for (const value of [null, undefined, 'concurrency', new Error('x'), { code: 'concurrency' }, () => 1]) {
      assert.ok(!isCimError(value) && !hasErrorCode(value, 'concurrency'))
    }
  })

  test('say whom it concerns, what was expected, what was found, and what to do', () => {
    assert.equal(
      new ConcurrencyError('Person', 'a"d\na', 1, 2).message,
      'Person "a\\"d\\na": expected version 1, found 2. Reload the aggregate and decide again.',
    )
    const issues = [
      { pointer: '', message: 'must be an object' },
      { pointer: '/a', message: 'must be a string' },
    ]
    assert.equal(
      new ValidationError('command Open', issues).message,
      'The command Open is not valid. (root): must be an object; /a: must be a string',
    )
    assert.equal(new UnknownNameError('unknown-query', 'X', []).message, "There is no query 'X'. None is defined.")
  })
})

describe('options', () => {
  test('that nobody knows are named together with those that are known', () => {
    const check = () => checkOptions('subject', { a: 1, c: 1 }, ['a', 'b'])
    assert.throws(check, new InvalidOptionError('subject', 'c', 'is unknown. Known: a, b.'))
    checkOptions('subject', { a: undefined }, ['a'])
    checkOptions('subject', undefined, [])
  })

  test('that are whole numbers stay within their range', () => {
    assert.equal(checkWholeNumber('subject', 'n', 3, { least: 3, most: 3 }), 3)
    for (const value of [2, 4, 3.5, Number.NaN, Number.POSITIVE_INFINITY, '3', null] as readonly number[]) {
      assert.throws(() => checkWholeNumber('subject', 'n', value, { least: 3, most: 3 }), { code: 'invalid-option' })
    }
    const huge = Number.MAX_SAFE_INTEGER + 1
    assert.throws(() => checkWholeNumber('subject', 'n', huge, { least: 0 }), { code: 'invalid-option' })
  })
})
