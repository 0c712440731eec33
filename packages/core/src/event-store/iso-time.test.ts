import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIsoFormatter } from './iso-time.ts'

const last = 8.64e15

test('times are formatted as a Date formats them, in any order, before 1970 and past the year 9999 too', () => {
  const format = createIsoFormatter()
  for (const time of [0, -1, 1, 86_399_999, 86_400_000, -86_400_000, -86_400_001, last, -last, 253_402_300_800_000]) {
    assert.equal(format(time), new Date(time).toISOString())
  }
  // Every multiple of an odd step falls on another day, hour, minute, second and millisecond.
  for (let time = -last; time <= last; time += 9_876_543_210_987)
    assert.equal(format(time), new Date(time).toISOString())
  for (let time = 1.7e12; time < 1.8e12; time += 98_765_431) assert.equal(format(time), new Date(time).toISOString())
  assert.equal(format(1), '1970-01-01T00:00:00.001Z')
})
