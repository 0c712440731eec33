import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { differencesBetween } from './differences.ts'

describe('differences', () => {
  test('are none between equal values', () => {
    for (const value of [null, 0, '', [], {}, { a: [1, { b: null }] }, JSON.parse('{"__proto__":1}')]) {
      assert.deepEqual(differencesBetween(value, structuredClone(value)), [])
    }
    assert.deepEqual(differencesBetween({ a: 1, b: 2 }, { b: 2, a: 1 }), [])
    assert.deepEqual(differencesBetween({ a: undefined }, {}), [])
    assert.deepEqual(differencesBetween(undefined, undefined), [])
  })

  test('point to the smallest places that changed', () => {
    const before = { name: { given: 'Ada', family: 'Byron' }, tags: ['a', 'b', 'c'], born: 1815, gone: null }
    const after = { name: { given: 'Ada', family: 'King' }, tags: ['a', 'x'], born: 1815, email: { main: 'a@b' } }
    assert.deepEqual(differencesBetween(before, after), [
      { pointer: '/name/family', kind: 'changed', before: 'Byron', after: 'King' },
      { pointer: '/tags/1', kind: 'changed', before: 'b', after: 'x' },
      { pointer: '/tags/2', kind: 'removed', before: 'c' },
      { pointer: '/gone', kind: 'removed', before: null },
      { pointer: '/email', kind: 'added', after: { main: 'a@b' } },
    ])
  })

  test('are the whole when the kind of value changed', () => {
    for (const [before, after] of [
      [[], {}],
      [{ a: 1 }, null],
      [null, { a: 1 }],
      [1, '1'],
      ['a', ['a']],
    ]) {
      assert.deepEqual(differencesBetween(before, after), [{ pointer: '', kind: 'changed', before, after }])
    }
    assert.deepEqual(differencesBetween(undefined, 1), [{ pointer: '', kind: 'added', after: 1 }])
    assert.deepEqual(differencesBetween(1, undefined), [{ pointer: '', kind: 'removed', before: 1 }])
  })

  test('have JSON pointers, whatever the names of the properties', () => {
    const after = JSON.parse('{"a/b":1,"c~d":{"":1},"__proto__":1,"constructor":1}')
    assert.deepEqual(
      differencesBetween({ 'c~d': {} }, after).map(({ pointer }) => pointer),
      ['/c~0d/', '/a~1b', '/__proto__', '/constructor'],
    )
  })
})
