/** The order of events across shards, as a pure function of the claims. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { OrderPage, type ShardPlace } from './order-page.ts'

const { CIM_TEST_SEED } = process.env
/** A failure names its seed; `CIM_TEST_SEED` repeats it. */
const seeded = CIM_TEST_SEED === undefined ? {} : { seed: Number(CIM_TEST_SEED) }
const shards = 4
const nothing = new Array<number>(shards).fill(0)
const claim = fc.array(fc.tuple(fc.nat(shards - 1), fc.nat(60)), { minLength: 1, maxLength: 3 })
const claims = fc.array(claim, { maxLength: 60 })

/** The order said in the plainest way: each place one by one, as the claims cover them. */
function placesInOrder(log: readonly (readonly ShardPlace[])[]): readonly string[] {
  const covered = [...nothing]
  const order: string[] = []
  for (const places of log) {
    for (let shard = 0; shard < shards; shard++) {
      const to = Math.max(0, ...places.filter(([own]) => own === shard).map(([, place]) => place))
      for (let place = (covered[shard] ?? 0) + 1; place <= to; place++) order.push(`${shard}:${place}`)
      covered[shard] = Math.max(covered[shard] ?? 0, to)
    }
  }
  return order
}

/** @returns the log folded into pages of so many claims, each but the last written and read again */
function fold(log: readonly (readonly ShardPlace[])[], size: number): readonly OrderPage[] {
  const pages = [new OrderPage(0, nothing)]
  for (const [index, places] of log.entries()) {
    const page = pages.at(-1) ?? assert.fail()
    page.take(places)
    if ((index + 1) % size > 0) continue
    pages[pages.length - 1] = OrderPage.decode(page.index, shards, page.encode())
    pages.push(new OrderPage(page.index + 1, page.end))
  }
  return pages
}

function positionIn(pages: readonly OrderPage[], place: ShardPlace): number | undefined {
  return pages.map((page) => page.positionOf(place)).find((position) => position !== undefined)
}

describe('the order of places in several shards', () => {
  test('is by claim, then shard, then place, whatever pages it is folded in', () => {
    const property = fc.property(claims, fc.integer({ min: 1, max: 9 }), (log, size) => {
      const order = placesInOrder(log)
      const pages = fold(log, size)
      assert.equal(pages.at(-1)?.endPosition, order.length)
      for (const [index, name] of order.entries()) {
        const [shard = 0, place = 0] = name.split(':').map(Number)
        assert.equal(positionIn(pages, [shard, place]), index + 1)
      }
      for (let shard = 0; shard < shards; shard++) {
        const end = pages.at(-1)?.end[shard] ?? 0
        assert.equal(positionIn(pages, [shard, end + 1]), undefined)
      }
    })
    fc.assert(property, { numRuns: 300, ...seeded })
  })

  test('never changes for what was given out, whatever is claimed later or twice', () => {
    const property = fc.property(claims, claims, (before, more) => {
      const order = placesInOrder(before)
      assert.deepEqual(placesInOrder([...before, ...more]).slice(0, order.length), order)
      const [page] = fold([...before, ...before, ...more], 1000)
      for (const [index, name] of order.entries()) {
        const [shard = 0, place = 0] = name.split(':').map(Number)
        assert.equal(page?.positionOf([shard, place]), index + 1)
      }
    })
    fc.assert(property, { numRuns: 200, ...seeded })
  })

  test('gives no position that is no safe integer', () => {
    const page = new OrderPage(0, nothing)
    page.take([[0, Number.MAX_SAFE_INTEGER]])
    assert.throws(() => page.take([[1, 1]]), { code: 'store-corrupt', message: /place 1 of shard 2, whose position/ })
    assert.equal(page.endPosition, Number.MAX_SAFE_INTEGER)
  })

  test('is read in runs from any position on, without a gap or an overlap', () => {
    const property = fc.property(claims, fc.nat(), (log, start) => {
      const order = placesInOrder(log)
      const [page] = fold(log, 1000)
      const after = start % (order.length + 1)
      const places: string[] = []
      for (const { shard, after: before, to, position } of page?.runsAfter(after) ?? []) {
        for (let place = before + Math.max(0, after - position) + 1; place <= to; place++)
          places.push(`${shard}:${place}`)
      }
      assert.deepEqual(places, order.slice(after))
    })
    fc.assert(property, { numRuns: 200, ...seeded })
  })
})

describe('a page of the order', () => {
  test('that is none over these shards is an error', () => {
    for (const text of ['', 'null', '{}', '{"start":[0,0],"runs":[]}', '{"start":[0,0,0,0],"runs":[[0,"x"]]}']) {
      assert.throws(() => OrderPage.decode(7, shards, text), { code: 'store-corrupt', message: /page 7 .* 4 shards/ })
    }
  })
})
