import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashText } from '@cim/core'
import { PositionLists } from './position-lists.ts'

test('position lists find what a map finds, however many there are', () => {
  const lists = new PositionLists()
  const expected = new Map<number, number[]>()
  for (let position = 1; position <= 20_000; position++) {
    // Every third key comes again and again; keys differ in their low and in their high bits.
    const key = position % 3 === 0 ? position % 100 : position % 3 === 1 ? hashText(`${position}`) : position * 2 ** 32
    if (key === 0) continue
    lists.add(key, position)
    expected.set(key, [...(expected.get(key) ?? []), position])
  }
  for (const [key, positions] of expected) assert.deepEqual(lists.get(key), positions)
  assert.deepEqual(
    [...lists.sortedKeys()],
    [...expected.keys()].sort((left, right) => left - right),
  )
  assert.deepEqual(lists.get(12_345.5 * 2 ** 33), [])
})
