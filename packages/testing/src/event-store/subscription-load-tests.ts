/** Following the log while many write, and while the reader is slow: guarantees 3 and 5. */

import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { EventStore } from '@cim/core'
import fc from 'fast-check'
import { assertRising } from '../conformance/assertions.ts'
import { checkProperty } from '../conformance/check-property.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { allEvents, noted, person } from './sample-events.ts'

/** What one reader does: after which append it begins, how much it asks for, and how slow it is. */
type Reader = { readonly begins: number; readonly batchSize: number; readonly turns: number }

const reader: fc.Arbitrary<Reader> = fc.record({
  begins: fc.nat(20),
  batchSize: fc.integer({ min: 1, max: 40 }),
  turns: fc.nat(3),
})
/** Sizes of appends that are sent together, crowd after crowd. */
const crowds = fc.array(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 8,
})

/** @param tests registers tests with the adapter */
export function subscriptionLoadTests({ test }: StoreTests<EventStore>): void {
  test('past turns into live without a gap or a duplicate while many write', async ({ store }) => {
    let runs = 0
    const readers = fc.array(reader, { minLength: 1, maxLength: 4 })
    const property = fc.asyncProperty(crowds, readers, async (sizes, scripts) => {
      const run = ++runs
      const start = await store.headPosition()
      const total = sizes.flat().reduce((sum, size) => sum + size, 0)
      const last = person(`${run}-last`)
      let appends = 0
      const following = scripts.map(async (script) => {
        while (appends < Math.min(script.begins, sizes.flat().length)) await new Promise(setImmediate)
        return follow(store, start, last.aggregateId, script)
      })
      for (const [index, crowd] of sizes.entries()) {
        const sent = crowd.map(async (size, writer) => {
          await store.appendEvents(person(`${run}-${(index + writer) % 5}`), noted(size), { expectedVersion: 'any' })
          appends++
        })
        await Promise.all(sent)
      }
      await store.appendEvents(last, noted(1), { expectedVersion: 0 })
      const log = (await allEvents(store)).map(({ position }) => position).filter((position) => position > start)
      assert.equal(log.length, total + 1)
      for (const positions of await Promise.all(following)) assert.deepEqual(positions, log)
    })
    await checkProperty(property, 25)
  })

  test('a slow reader of a long backlog holds one batch at a time', async ({ store }) => {
    const text = 'x'.repeat(1000)
    for (let version = 0; version < 20_000; version += 1000) {
      const events = Array.from({ length: 1000 }, (_, index) => ({ eventType: 'Noted', eventData: { index, text } }))
      await store.appendEvents(person('ada'), events, { expectedVersion: version })
    }
    const head = await store.headPosition()
    const before = usedMemory()
    const batches = store.subscribe('>', { batchSize: 250 })[Symbol.asyncIterator]()
    let events = (await batches.next()).value?.events.length ?? 0
    // A store that reads ahead has all the time it wants.
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
    const grownBytes = usedMemory() - before
    assert.ok(grownBytes < 4_000_000, `memory grew by ${grownBytes} bytes for one batch of 250,000`)
    for (let position = 0; position < head; ) {
      const { value } = await batches.next()
      assert.ok(value !== undefined && value.events.length <= 250)
      events += value.events.length
      position = value.position
    }
    assert.equal(events, 20_000)
    await batches.return?.()
  })
}

/** Reads until the aggregate comes that is the last, with pauses. @returns the positions of all events */
async function follow(store: EventStore, afterPosition: number, lastId: string, { batchSize, turns }: Reader) {
  const positions: number[] = []
  const reached: number[] = []
  for await (const batch of store.subscribe('>', { afterPosition, batchSize })) {
    for (const { position } of batch.events) {
      assert.ok(position > (reached.at(-1) ?? afterPosition) && position <= batch.position)
      positions.push(position)
    }
    reached.push(batch.position)
    if (batch.events.some(({ aggregateId }) => aggregateId === lastId)) break
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
  }
  assertRising(positions)
  assertRising(reached)
  return positions
}

/** Bytes in use after everything unused has been given back. */
function usedMemory(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
