/** What the event store in memory promises besides the suite of all event stores. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryEventStore } from './memory-event-store.ts'

const ada = { aggregateType: 'Person', aggregateId: 'ada' }

describe('an event store in memory', () => {
  test('reads large events a few at a time, and all of them when no limit is given', async () => {
    await using store = new MemoryEventStore()
    const text = 'x'.repeat(1_000_000)
    const events = Array.from({ length: 10 }, () => ({ eventType: 'Noted', eventData: { text } }))
    await store.appendEvents(ada, events, { expectedVersion: 0 })
    await store.appendEvents(ada, events, { expectedVersion: 10 })
    const page = await store.readEvents({ limit: 1000 })
    assert.deepEqual([page.events.length, page.position, page.isEnd], [9, 9, false])
    assert.equal((await store.loadEvents(ada, { limit: 1000 })).length, 9)
    assert.equal((await store.loadEvents(ada)).length, 20)
    const counts: number[] = []
    for await (const batch of store.subscribe('>')) {
      counts.push(batch.events.length)
      if (batch.position === 20) break
    }
    assert.deepEqual(counts, [9, 9, 2])
  })

  test('takes whole milliseconds from its clock, and refuses one that gives no time', async () => {
    let time = 1_700_000_000_000.75
    await using store = new MemoryEventStore({ now: () => time, newId: () => crypto.randomUUID() })
    const append = () => store.appendEvents(ada, [{ eventType: 'Noted', eventData: {} }], { expectedVersion: 'any' })
    assert.equal((await append()).timestamp, '2023-11-14T22:13:20.000Z')
    for (time of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(append, { code: 'invalid-option', option: 'now' })
    }
    assert.equal(await store.headPosition(), 1)
  })
})
