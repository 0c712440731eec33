import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StampClock } from './stamp-clock.ts'

const iso = (time: number): string => new Date(time).toISOString()

test('times of appends under way never decrease, whatever the clock does', () => {
  let now = 1000
  const clock = new StampClock(() => now)
  const first = clock.stamp()
  now = 400
  const second = clock.stamp()
  assert.deepEqual([first, second], [iso(1000), iso(1000)])
  clock.settle(first, false)
  assert.equal(clock.stamp(), iso(1000), 'the second may yet be stored')
  clock.settle(second, false)
  clock.settle(second, false)
  assert.equal(clock.stamp(), iso(400), 'nothing was stored')
})

test('times go on after those that others have stored', () => {
  const clock = new StampClock(() => 400)
  clock.saw(iso(5000))
  clock.saw(iso(3000))
  assert.equal(clock.stamp(), iso(5000))
})

test('a clock that gives no time is named', () => {
  const clock = new StampClock(() => Number.NaN)
  assert.throws(() => clock.stamp(), { code: 'invalid-option', message: /NaN/ })
})
