/** Following the log. */

import assert from 'node:assert/strict'
import type { EventBatch, EventStore } from '@cim/core'
import type { StoreTests } from '../conformance/store-tests.ts'
import { allEvents, noted, person } from './sample-events.ts'

/** @param tests registers tests with the adapter */
export function subscriptionTests({ test }: StoreTests<EventStore>): void {
  test('a subscriber gets what is stored, then what comes', async ({ store }) => {
    await store.appendEvents(person('ada'), noted(3), { expectedVersion: 0 })
    const batches = store.subscribe('>')[Symbol.asyncIterator]()
    const past = await batches.next()
    assert.deepEqual(past.value, {
      events: await store.loadEvents(person('ada')),
      position: await store.headPosition(),
    })
    for (let version = 3; version < 6; version++) {
      const waiting = batches.next()
      const { events, position } = await store.appendEvents(person('ada'), noted(1), { expectedVersion: version })
      assert.deepEqual((await waiting).value, { events, position })
    }
    await batches.return?.()
  })

  test('a subscriber goes on from any position', async ({ store }) => {
    for (let version = 0; version < 10; version++) {
      await store.appendEvents(person(`p-${version % 3}`), noted(2), { expectedVersion: 'any' })
    }
    const log = await allEvents(store)
    for (const afterPosition of [0, ...log.map(({ position }) => position).slice(0, -1)]) {
      const batch = await nextBatch(store, { afterPosition })
      assert.deepEqual(
        batch.events,
        log.filter(({ position }) => position > afterPosition),
      )
    }
  })

  test('batches are never larger than asked for, and cover the log exactly', async ({ store }) => {
    for (const size of [7, 1, 25, 3]) await store.appendEvents(person(`p-${size}`), noted(size), { expectedVersion: 0 })
    const log = await allEvents(store)
    for (const batchSize of [1, 2, 7, 35, 36, 37, 10_000]) {
      const batches = await readToHead(store, '>', batchSize)
      for (const { events } of batches) assert.ok(events.length > 0 && events.length <= batchSize)
      assert.deepEqual(
        batches.flatMap(({ events }) => events),
        log,
      )
      for (const { events, position } of batches) assert.equal(position, events.at(-1)?.position)
    }
  })

  test('the position moves on over events that nobody asked for', async ({ store }) => {
    await store.appendEvents({ aggregateType: 'Team', aggregateId: 't' }, noted(25), { expectedVersion: 0 })
    const { position } = await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    await store.appendEvents({ aggregateType: 'Team', aggregateId: 't' }, noted(25), { expectedVersion: 25 })
    const batches = await readToHead(store, 'events.Person.*', 10)
    const events = batches.flatMap((batch) => batch.events)
    assert.deepEqual(
      events.map((event) => event.position),
      [position],
    )
    const afterPosition = await store.headPosition()
    const live = store.subscribe('events.Person.*', { afterPosition })[Symbol.asyncIterator]()
    const waiting = live.next()
    const last = await store.appendEvents({ aggregateType: 'Team', aggregateId: 't' }, noted(1), {
      expectedVersion: 50,
    })
    assert.deepEqual((await waiting).value, { events: [], position: last.position })
  })

  test('an aborted subscription ends at once, waiting or not', async ({ store }) => {
    await store.appendEvents(person('ada'), noted(5), { expectedVersion: 0 })
    const aborted = store.subscribe('>', { signal: AbortSignal.abort() })
    for await (const _ of aborted) assert.fail('nothing may come')

    const between = new AbortController()
    let batches = 0
    for await (const _ of store.subscribe('>', { batchSize: 1, signal: between.signal })) {
      batches++
      between.abort()
    }
    assert.equal(batches, 1)

    const waiting = new AbortController()
    const head = await store.headPosition()
    const next = store.subscribe('>', { afterPosition: head, signal: waiting.signal })[Symbol.asyncIterator]().next()
    await new Promise(setImmediate)
    waiting.abort()
    assert.deepEqual(await next, { done: true, value: undefined })
  })

  test('many subscribers get everything each, whatever the others do', async ({ store }) => {
    const stop = new AbortController()
    const seen = Array.from({ length: 10 }, (): number[] => [])
    const subscribers = seen.map(async (positions, index) => {
      const batches = store.subscribe('>', { batchSize: index + 1, signal: stop.signal })
      for await (const { events } of batches) {
        for (let turn = 0; turn < index % 3; turn++) await new Promise(setImmediate)
        positions.push(...events.map(({ position }) => position))
        if (seen.every(({ length }) => length >= 60)) stop.abort()
        if (index === 9 && positions.length >= 20) positions.length = 60
      }
    })
    for (let version = 0; version < 60; version += 2) {
      await store.appendEvents(person('ada'), noted(2), { expectedVersion: version })
    }
    await Promise.all(subscribers)
    const log = (await allEvents(store)).map(({ position }) => position)
    for (const positions of seen.slice(0, 9)) assert.deepEqual(positions, log)
  })

  test('who stops reading and comes back later misses nothing', async ({ store }) => {
    const seen: number[] = []
    let afterPosition = 0
    for (let version = 0; version < 30; version += 3) {
      await store.appendEvents(person('ada'), noted(3), { expectedVersion: version })
      for await (const batch of store.subscribe('>', { afterPosition, batchSize: 2 })) {
        seen.push(...batch.events.map(({ sequence }) => sequence))
        afterPosition = batch.position
        break
      }
    }
    for (const batch of await readToHead(store, '>', 100, afterPosition)) {
      seen.push(...batch.events.map(({ sequence }) => sequence))
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 30 }, (_, index) => index + 1),
    )
  })
}

async function nextBatch(store: EventStore, options: { readonly afterPosition: number }): Promise<EventBatch> {
  for await (const batch of store.subscribe('>', options)) return batch
  return assert.fail('a subscription does not end by itself')
}

async function readToHead(store: EventStore, pattern: string, batchSize: number, afterPosition = 0) {
  const head = await store.headPosition()
  const batches: EventBatch[] = []
  let before = afterPosition
  if (afterPosition >= head) return batches
  for await (const batch of store.subscribe(pattern, { batchSize, afterPosition })) {
    assert.ok(batch.position > before, 'positions rise from batch to batch')
    before = batch.position
    batches.push(batch)
    if (before >= head) break
  }
  return batches
}
