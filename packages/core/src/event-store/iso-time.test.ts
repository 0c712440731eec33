import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createIsoFormatter } from './iso-time.ts'

const last = 8.64e15

test('times are formatted as a Date formats them, in any order, before 1970 and past the year 9999 too', () => {
  const format = createIsoFormatter()
  for (const time of [0, -1, 1, 86_399_999, 86_400_000, -86_400_000, -86_400_001, last, -last, 253_402_300_800_000]) {
    assert.equal(format(time), new Date(time).toISOString())
  }
  const anyTime = fc.oneof(fc.integer({ min: -last, max: last }), fc.integer({ min: 1.7e12, max: 1.9e12 }))
  fc.assert(
    fc.property(anyTime, (time) => format(time) === new Date(time).toISOString()),
    { numRuns: 2000 },
  )
  assert.equal(format(1), '1970-01-01T00:00:00.001Z')
})
