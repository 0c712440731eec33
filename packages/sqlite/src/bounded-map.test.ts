import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoundedMap } from './bounded-map.ts'

test('a bounded map gives up what came first, and never holds more than it may', () => {
  const map = new BoundedMap<number, string>(3)
  for (let key = 1; key <= 10; key++) map.set(key, `value ${key}`)
  assert.deepEqual(
    Array.from({ length: 10 }, (_, index) => map.get(index + 1)),
    [...Array<undefined>(7), 'value 8', 'value 9', 'value 10'],
  )
})

test('a bounded map goes on after it was cleared, and after entries were deleted', () => {
  const map = new BoundedMap<number, number>(2)
  for (let key = 1; key <= 5; key++) map.set(key, key)
  map.clear()
  assert.equal(map.get(5), undefined)
  for (let key = 6; key <= 8; key++) map.set(key, key)
  map.delete(8)
  map.set(9, 9)
  map.set(10, 10)
  assert.deepEqual(
    [6, 7, 8, 9, 10].map((key) => map.get(key)),
    [undefined, undefined, undefined, 9, 10],
  )
})
