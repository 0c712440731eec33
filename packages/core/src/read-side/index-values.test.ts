import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorOf } from '../sample-account.test.ts'
import { compareIndexValues, compareStrings, indexValuesOf } from './index-values.ts'
import type { IndexFunction, ViewDefinition } from './view-store.ts'

const ordered = [
  '',
  '\0',
  ' ',
  '0',
  '10',
  '2',
  'A',
  'a',
  'a\0',
  'aa',
  'é',
  '\ud7ff',
  '\ue000',
  '\ufffd',
  '\uffff',
  '😀',
  '😀a',
  '😁',
  '\u{10ffff}',
]

describe('the order of index values', () => {
  test('is by code points, as in UTF-8', () => {
    for (const [index, one] of ordered.entries()) {
      for (const [place, other] of ordered.entries()) {
        assert.equal(Math.sign(compareStrings(one, other)), Math.sign(index - place), JSON.stringify([one, other]))
        assert.equal(Math.sign(Buffer.compare(Buffer.from(one), Buffer.from(other))), Math.sign(index - place))
      }
    }
  })

  test('puts numbers before strings, each in their own order', () => {
    const values = [-Infinity, -1, 0, 1.5, 2, 10, ...ordered]
    assert.deepEqual([...values].reverse().sort(compareIndexValues), values)
    assert.equal(compareIndexValues(0, -0), 0)
  })
})

describe('the index values of a document', () => {
  const valuesOf = (index: IndexFunction<string>, document: unknown = 'x') => {
    const view: ViewDefinition = { viewName: 'V', version: 1, indexes: { i: index as IndexFunction } }
    return indexValuesOf(view, 'i', document)
  }

  test('are one, several or none, each only once', () => {
    assert.deepEqual(
      valuesOf((document) => document),
      ['x'],
    )
    assert.deepEqual(
      valuesOf(() => ['b', 1, 'b', 'a', 1, '1']),
      ['b', 1, 'a', '1'],
    )
    for (const none of [undefined, null, []]) {
      assert.deepEqual(
        valuesOf(() => none),
        [],
      )
    }
    assert.deepEqual(
      valuesOf(() => [0, '']),
      [0, ''],
    )
  })

  test('are none when there is no document', () => {
    const view: ViewDefinition = { viewName: 'V', version: 1, indexes: { i: () => assert.fail('not called') } }
    assert.deepEqual(indexValuesOf(view, 'i', undefined), [])
  })

  test('are well-formed text', () => {
    assert.deepEqual(
      valuesOf(() => ['\ud800', '\udc00x', '😀']),
      ['\ufffd', '\ufffdx', '😀'],
    )
  })

  test('are strings and finite numbers, nothing else', async () => {
    for (const wrong of [Number.NaN, Infinity, true, {}, 1n, [['a']], [null], [undefined]]) {
      await errorOf(() => valuesOf(() => wrong as unknown as string), 'invalid-option')
    }
  })

  test('belong to an index that the view has', async () => {
    const view: ViewDefinition = { viewName: 'V', version: 1, indexes: {} }
    for (const index of ['i', 'constructor', '__proto__']) {
      await errorOf(() => indexValuesOf(view, index, 'x'), 'unknown-index')
    }
  })
})
