import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deepFreeze } from './freeze.ts'

test('freezing makes a value unchangeable with everything in it', () => {
  const value = { list: [{ inner: { count: 1 } }], text: 'a', nothing: null }
  assert.equal(deepFreeze(value), value)
  assert.throws(() => value.list.push({ inner: { count: 2 } }), TypeError)
  assert.throws(() => {
    const first = value.list[0]
    if (first !== undefined) first.inner.count = 2
  }, TypeError)
})

test('freezing takes any value, also one that contains itself', () => {
  for (const value of [undefined, null, 1, 'text', true]) assert.equal(deepFreeze(value), value)
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  assert.ok(Object.isFrozen(deepFreeze(cycle)))
})
