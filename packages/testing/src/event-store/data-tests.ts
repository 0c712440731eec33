/** What data comes back: every JSON value, unchanged and unchangeable. */

import assert from 'node:assert/strict'
import type { EventStore, NewEvent } from '@cim/core'
import fc from 'fast-check'
import { present, rejectsWithCode } from '../conformance/assertions.ts'
import { checkProperty } from '../conformance/check-property.ts'
import { difficultStrings } from '../conformance/difficult-strings.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { allEvents, noted, person } from './sample-events.ts'

/** @param tests registers tests with the adapter */
export function dataTests({ test }: StoreTests<EventStore>): void {
  test('every JSON value is loaded as it was appended', async ({ store }) => {
    const value = fc.oneof(fc.jsonValue(), fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }))
    let version = 0
    const property = fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 5 }), async (values) => {
      const events = values.map((eventData) => ({ eventType: 'Noted', eventData }))
      const { events: appended } = await store.appendEvents(person('ada'), events, { expectedVersion: version })
      const loaded = await store.loadEvents(person('ada'), { fromVersion: version + 1 })
      version += values.length
      // JSON has no negative zero.
      const expected = values.map((item) => JSON.parse(JSON.stringify(item)) as unknown)
      assert.deepEqual(loaded, appended)
      assert.deepEqual(
        loaded.map(({ eventData }) => eventData),
        expected,
      )
    })
    await checkProperty(property, 60)
  })

  test('every kind of string is kept, as a value and as a key', async ({ store }) => {
    const long = 'x😀'.repeat(60_000)
    for (const [index, text] of [...difficultStrings, long].entries()) {
      // An assignment to __proto__ would set the prototype.
      const eventData = Object.fromEntries([
        [text, text],
        ['list', [text]],
      ])
      await store.appendEvents(person('ada'), [{ eventType: 'Noted', eventData }], { expectedVersion: index })
      const [loaded] = await store.loadEvents(person('ada'), { fromVersion: index + 1 })
      assert.deepEqual(Object.entries(present(loaded).eventData as object), Object.entries(eventData))
    }
  })

  test('a string of a million characters is kept', async ({ store }) => {
    const text = 'x'.repeat(1_000_000)
    await store.appendEvents(person('ada'), [{ eventType: 'Noted', eventData: { text } }], { expectedVersion: 0 })
    const [loaded] = await store.loadEvents(person('ada'))
    assert.ok((present(loaded).eventData as { readonly text: string }).text === text)
  })

  test('properties that are undefined are left out', async ({ store }) => {
    const event: NewEvent = { eventType: 'Noted', eventData: { a: undefined, b: [{ c: undefined, d: 1 }] } }
    const { events } = await store.appendEvents(person('ada'), [event], { expectedVersion: 0 })
    assert.deepEqual(events[0]?.eventData, { b: [{ d: 1 }] })
    assert.deepEqual(await store.loadEvents(person('ada')), events)
  })

  test('what JSON would change or lose is refused', async ({ store }) => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const impossible: readonly unknown[] = [
      undefined,
      new Date(0),
      new Map(),
      new Uint8Array(1),
      Number.NaN,
      Number.POSITIVE_INFINITY,
      1n,
      () => 1,
      Symbol('s'),
      [undefined],
      new Array(2),
      { toJSON: () => 1 },
      cycle,
    ]
    for (const value of impossible) {
      for (const eventData of [value, { deep: [{ in: value }] }]) {
        if (eventData !== value && value === undefined) continue
        const events = [...noted(1), { eventType: 'Broken', eventData }]
        await rejectsWithCode(store.appendEvents(person('ada'), events, { expectedVersion: 0 }), 'invalid-event', {
          eventType: 'Broken',
        })
      }
    }
    assert.equal(await store.headPosition(), 0)
  })

  test('a reader that changes what it got does not change what is stored', async ({ store }) => {
    const metadata = { userId: 'u-1' }
    await store.appendEvents(person('ada'), [{ eventType: 'Noted', eventData: { list: [1] }, metadata }], {
      expectedVersion: 0,
    })
    const before = structuredClone(await store.loadEvents(person('ada')))
    for (const read of [
      () => store.loadEvents(person('ada')),
      () => allEvents(store),
      () => firstBatch(store),
    ] as const) {
      for (const event of await read()) spoil(event)
      assert.deepEqual(await read(), before)
    }
  })

  test('a writer that changes its events after the call does not change what is stored', async ({ store }) => {
    const eventData = { list: [1], text: 'before' }
    const events = [{ eventType: 'Noted', eventData }]
    const append = store.appendEvents(person('ada'), events, { expectedVersion: 0 })
    eventData.text = 'after'
    eventData.list.push(2)
    events.push(...(noted(1) as typeof events))
    await append
    const loaded = await store.loadEvents(person('ada'))
    assert.deepEqual(
      loaded.map((event) => event.eventData),
      [{ list: [1], text: 'before' }],
    )
  })
}

async function firstBatch(store: EventStore) {
  for await (const { events } of store.subscribe('>')) return events
  return assert.fail('a subscription does not end by itself')
}

/** Changes everything that can be changed; what is frozen cannot. */
function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) {
    spoil(item)
    Reflect.set(value, key, 'spoiled')
  }
  Reflect.set(value, 'added', 'spoiled')
}
