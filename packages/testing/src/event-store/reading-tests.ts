/** Loading ranges of an aggregate, and reading pages across aggregates. */

import assert from 'node:assert/strict'
import type { DomainEventEnvelope, EventStore, ReadEventsOptions } from '@cim/core'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import type { TestClock } from '../conformance/test-clock.ts'
import { allEvents, noted, person } from './sample-events.ts'

/** @param tests registers tests with the adapter */
export function readingTests({ test }: StoreTests<EventStore>): void {
  test('a range of versions is loaded exactly', async ({ store }) => {
    await store.appendEvents(person('ada'), noted(4), { expectedVersion: 0 })
    await store.appendEvents(person('bob'), noted(2), { expectedVersion: 0 })
    await store.appendEvents(person('ada'), noted(4), { expectedVersion: 4 })
    const bound = fc.option(fc.nat(10), { nil: undefined })
    const range = fc.record({ fromVersion: bound, toVersion: bound, limit: bound }, { requiredKeys: [] })
    const property = fc.asyncProperty(range, async ({ fromVersion, toVersion, limit }) => {
      const options = {
        ...(fromVersion === undefined ? undefined : { fromVersion }),
        ...(toVersion === undefined ? undefined : { toVersion }),
        ...(limit === undefined ? undefined : { limit }),
      }
      const loaded = await store.loadEvents(person('ada'), options)
      const expected = [1, 2, 3, 4, 5, 6, 7, 8]
        .filter((version) => version >= (fromVersion ?? 0) && version <= (toVersion ?? 8))
        .slice(0, limit ?? 8)
      assert.deepEqual(
        loaded.map(({ sequence }) => sequence),
        expected,
      )
    })
    await checkProperty(property, 100)
  })

  test('an aggregate of several thousand events is loaded whole', async ({ store }) => {
    for (let version = 0; version < 3000; version += 1000) {
      await store.appendEvents(person('ada'), noted(1000), { expectedVersion: version })
    }
    const loaded = await store.loadEvents(person('ada'))
    assert.deepEqual([loaded.length, loaded.at(-1)?.sequence], [3000, 3000])
    const tail = await store.loadEvents(person('ada'), { fromVersion: 2999, toVersion: Number.MAX_SAFE_INTEGER })
    assert.deepEqual(tail, loaded.slice(-2))
  })

  test('pages under any conditions hold exactly the events that fulfil all of them', async ({ store, clock }) => {
    await fill(store, clock)
    const log = await allEvents(store)
    const head = await store.headPosition()
    const property = fc.asyncProperty(conditions, fc.integer({ min: 1, max: 20 }), async (wanted, limit) => {
      const expected = log.filter((event) => isWanted(event, wanted))
      const found: DomainEventEnvelope[] = []
      let afterPosition = wanted.afterPosition ?? 0
      for (;;) {
        const page = await store.readEvents({ ...wanted, afterPosition, limit })
        found.push(...page.events)
        assert.ok(page.events.length <= limit)
        assert.ok(page.position >= (page.events.at(-1)?.position ?? afterPosition))
        assert.equal(page.isEnd, found.length === expected.length, 'a page knows whether it is the last')
        if (page.isEnd) break
        assert.equal(page.events.length, limit, 'a page that is not the last is full')
        afterPosition = page.position
      }
      assert.deepEqual(found, expected)
      const after = await store.readEvents({ afterPosition: head })
      assert.deepEqual(after, { events: [], position: head, isEnd: true })
    })
    await checkProperty(property, 100)
  })

  test('a page holds 1,000 events unless the limit says otherwise', async ({ store }) => {
    for (const aggregateId of ['a', 'b']) {
      await store.appendEvents(person(aggregateId), noted(600), { expectedVersion: 0 })
    }
    const first = await store.readEvents()
    assert.deepEqual([first.events.length, first.isEnd], [1000, false])
    const second = await store.readEvents({ afterPosition: first.position })
    assert.deepEqual([second.events.length, second.isEnd], [200, true])
    const whole = await store.readEvents({ limit: 1200 })
    assert.deepEqual([whole.events.length, whole.isEnd], [1200, true])
  })

  test('the last page reaches the head, so that whoever goes on from it reads nothing twice', async ({ store }) => {
    await store.appendEvents(person('ada'), noted(2), { expectedVersion: 0 })
    await store.appendEvents({ aggregateType: 'Team', aggregateId: 't' }, noted(3), { expectedVersion: 0 })
    const head = await store.headPosition()
    const { events, ...rest } = await store.readEvents({ aggregateType: 'Person' })
    assert.deepEqual([events.length, rest], [2, { position: head, isEnd: true }])
    const beyond = await store.readEvents({ afterPosition: head + 100 })
    assert.deepEqual(beyond, { events: [], position: head + 100, isEnd: true })
  })
}

const types = ['Person', 'Team', 'Per']
const eventTypes = ['Noted', 'PersonCreated', 'Renamed']
const correlations = ['c-1', 'c-2', '1', '__proto__']
const day = 86_400_000

/** 240 events: every combination of types and correlation ids, over ten days. */
async function fill(store: EventStore, clock: TestClock): Promise<void> {
  let seed = 7
  const pick = <TItem>(items: readonly TItem[]): TItem => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return items[Math.floor((seed / 2 ** 31) * items.length)] as TItem
  }
  for (let append = 0; append < 120; append++) {
    const aggregate = { aggregateType: pick(types), aggregateId: pick(['a', 'b', 'c']) }
    const events = [1, 2].map((number) => {
      const correlationId = pick([...correlations, undefined])
      const metadata = correlationId === undefined ? {} : { correlationId }
      return { eventType: pick(eventTypes), eventData: { number }, metadata }
    })
    await store.appendEvents(aggregate, events, { expectedVersion: 'any' })
    if (append % 3 === 0) clock.advance(day / 4)
  }
}

const moment = fc.integer({ min: -1, max: 41 }).map((quarters) => Date.UTC(2026, 0, 1) + quarters * (day / 4))
const timestamp = fc.oneof(
  moment.map((time) => new Date(time).toISOString()),
  moment.map((time) => new Date(time + 1).toISOString()),
  // The same instant in another zone, and without a time of day.
  moment.map((time) => new Date(time + 2 * 3_600_000).toISOString().replace('Z', '+02:00')),
  moment.map((time) => new Date(time).toISOString().slice(0, 10)),
)
const conditions: fc.Arbitrary<ReadEventsOptions> = fc.record(
  {
    subjectPatterns: fc.constantFrom(
      'events.>',
      'events.Person.*',
      ['events.Team.*', 'events.*.Renamed'],
      'events.No.*',
    ),
    aggregateType: fc.constantFrom(...types, 'Nothing'),
    correlationId: fc.constantFrom(...correlations, 'c-3'),
    afterPosition: fc.nat(260),
    fromTimestamp: timestamp,
    beforeTimestamp: timestamp,
  },
  { requiredKeys: [] },
)

function isWanted(event: DomainEventEnvelope, wanted: ReadEventsOptions): boolean {
  const patterns = [wanted.subjectPatterns ?? 'events.>'].flat() as readonly string[]
  const time = Date.parse(event.timestamp)
  return (
    patterns.some((pattern) => {
      const [, aggregateType, eventType] = pattern.split('.')
      if (aggregateType === '>') return true
      return (
        (aggregateType === '*' || aggregateType === event.aggregateType) &&
        (eventType === '*' || eventType === event.eventType)
      )
    }) &&
    (wanted.aggregateType === undefined || wanted.aggregateType === event.aggregateType) &&
    (wanted.correlationId === undefined || wanted.correlationId === event.metadata.correlationId) &&
    event.position > (wanted.afterPosition ?? 0) &&
    (wanted.fromTimestamp === undefined || time >= Date.parse(wanted.fromTimestamp)) &&
    (wanted.beforeTimestamp === undefined || time < Date.parse(wanted.beforeTimestamp))
  )
}
