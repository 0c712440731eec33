import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nothingSeen, withSeen } from './seen-events.ts'

const at = (...positions: readonly number[]) => positions.map((position) => ({ position }))

describe('what a processor has seen', () => {
  test('is the same however the events were batched, and in whatever order they came', () => {
    const together = withSeen(nothingSeen, at(1, 2, 3, 4, 5))
    const apart = withSeen(withSeen(withSeen(nothingSeen, at(4, 5)), at()), at(3, 1, 2))
    assert.deepEqual(together, apart)
    assert.equal(together.count, 5)
    assert.deepEqual(nothingSeen, { count: 0, checksum: 0 })
  })

  test('shows an event that is missing while another came twice', () => {
    const right = withSeen(nothingSeen, at(...Array.from({ length: 1000 }, (_, index) => index + 1)))
    for (let missing = 1; missing <= 1000; missing += 37) {
      for (let twice = 1; twice <= 1000; twice += 41) {
        const positions = Array.from({ length: 1000 }, (_, index) => (index + 1 === missing ? twice : index + 1))
        const seen = withSeen(nothingSeen, at(...positions))
        assert.equal(seen.count, right.count)
        assert.equal(seen.checksum === right.checksum, missing === twice, `${missing} is missing, ${twice} came twice`)
      }
    }
  })

  test('tells positions apart that differ beyond 32 bits', () => {
    const low = withSeen(nothingSeen, at(5))
    const high = withSeen(nothingSeen, at(2 ** 32 * 3 + 5))
    assert.notEqual(low.checksum, high.checksum)
    for (const { checksum } of [low, high]) assert.ok(Number.isInteger(checksum) && checksum >= 0 && checksum < 2 ** 32)
  })
})
