import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EventRate } from './event-rate.ts'

describe('the rate of events', () => {
  test('comes close to what comes steadily', () => {
    const rate = new EventRate(0)
    for (let now = 0; now < 60_000; now += 10) rate.add(5, now)
    const perSecond = rate.perSecond(60_000)
    assert.ok(Math.abs(perSecond - 500) < 5, `${perSecond}`)
  })

  test('halves every five seconds in which nothing comes', () => {
    const rate = new EventRate(0)
    rate.add(1000, 0)
    const before = rate.perSecond(0)
    assert.ok(Math.abs(rate.perSecond(5000) - before / 2) < 1e-9)
    assert.ok(rate.perSecond(1_000_000) < 1e-9)
  })

  test('is not confused by a clock that goes back', () => {
    const rate = new EventRate(10_000)
    rate.add(10, 10_000)
    const before = rate.perSecond(10_000)
    assert.equal(rate.perSecond(5000), before)
    assert.ok(rate.perSecond(15_000) < before)
  })
})
