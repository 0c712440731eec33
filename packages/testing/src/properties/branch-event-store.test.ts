/** A branch of an event store is told apart by nothing from a store that had no more than its past. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type AggregateRef,
  type AppendOptions,
  type AppendResult,
  type CommandRecord,
  type EventStore,
  isCimError,
  MemoryEventStore,
  type NewEvent,
  openBranch,
  type ReadEventsOptions,
} from '@cim/core'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'
import { allEvents } from '../event-store/sample-events.ts'

const aggregates: readonly AggregateRef[] = [
  { aggregateType: 'Person', aggregateId: 'a' },
  { aggregateType: 'Person', aggregateId: 'b' },
  { aggregateType: 'Team', aggregateId: 'a' },
]
const commandIds = ['c-0', 'c-1', 'c-2', 'c-3']

/** What somebody does to a store. Events with the same number are the same events. */
const step = fc.record({
  kind: fc.constantFrom('append', 'append', 'command', 'record'),
  who: fc.nat(2),
  size: fc.integer({ min: 1, max: 4 }),
  expected: fc.constantFrom('right', 'right', 'any', 0, 1, 3),
  number: fc.nat(3),
  pauseMs: fc.integer({ min: 1, max: 3 }),
})
/** In a branch the clock may run backwards. */
const futureStep = fc.tuple(step, fc.integer({ min: -20, max: 3 })).map(([one, pauseMs]) => ({ ...one, pauseMs }))
type Step = typeof step extends fc.Arbitrary<infer TStep> ? TStep : never

const conditions: fc.Arbitrary<ReadEventsOptions> = fc.record(
  {
    subjectPatterns: fc.constantFrom('events.>', 'events.Person.*', ['events.Team.*', 'events.*.Noted2']),
    aggregateType: fc.constantFrom('Person', 'Team'),
    correlationId: fc.constantFrom('k-0', 'k-1'),
    afterPosition: fc.nat(30),
    fromTimestamp: fc.nat(60).map((ms) => new Date(start + ms).toISOString()),
    beforeTimestamp: fc.nat(60).map((ms) => new Date(start + ms).toISOString()),
  },
  { requiredKeys: [] },
)
const range = fc.record({ fromVersion: fc.nat(12), toVersion: fc.nat(12), limit: fc.nat(12) }, { requiredKeys: [] })
const looks = fc.record({
  reads: fc.array(fc.tuple(conditions, fc.integer({ min: 1, max: 8 })), { maxLength: 8 }),
  loads: fc.array(fc.tuple(fc.nat(2), range), { maxLength: 8 }),
  follows: fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 8 })), { maxLength: 4 }),
})
type Looks = typeof looks extends fc.Arbitrary<infer TLooks> ? TLooks : never

const start = Date.UTC(2026, 0, 1)

describe('a branch of any store at any position', () => {
  test('reads, appends and remembers like a store with that past alone, and leaves its base as it is', async () => {
    const steps = fc.array(step, { maxLength: 14 })
    const futureSteps = fc.array(futureStep, { maxLength: 14 })
    const property = fc.asyncProperty(steps, futureSteps, fc.nat(), looks, async (past, future, where, seen) => {
      const clock = { time: start }
      const now = () => clock.time
      const base = new MemoryEventStore({ now })
      const reference = new MemoryEventStore({ now })
      for (const one of past) await happen(base, clock, one)
      const position = where % ((await base.headPosition()) + 1)
      const before = await everythingIn(base)
      const end = clock.time
      clock.time = start
      await copyPast(base, reference, past, position, clock)
      clock.time = end
      const branch = await openBranch(curt(base), { position }, now)
      await assertSame(branch, reference, seen)
      for (const [index, one] of future.entries()) {
        const time = clock.time
        const outcome = await happen(branch, clock, one)
        clock.time = time
        assert.deepEqual(outcome, await happen(reference, clock, one))
        if (index % 4 === 3) await assertSame(branch, reference, seen)
      }
      await assertSame(branch, reference, seen)
      assert.deepEqual(await everythingIn(base), before)
    })
    await checkProperty(property, 300)
  })
})

/** @returns what came of it: a result, or the code of an error */
async function happen(store: EventStore, clock: { time: number }, one: Step): Promise<unknown> {
  clock.time += one.pauseMs
  const aggregate = aggregates[one.who] ?? assert.fail('there are three')
  const version = (await store.loadEvents(aggregate)).length
  try {
    if (one.kind === 'record')
      return await store.recordCommand(aggregate, recordOf(one, version, await last(store, aggregate), clock.time))
    return await store.appendEvents(aggregate, eventsOf(one), optionsOf(one, version))
  } catch (error) {
    if (isCimError(error)) return { ...error, code: error.code }
    throw error
  }
}

function eventsOf({ kind, who, size, number }: Step): readonly NewEvent[] {
  const command = kind === 'command' ? { commandId: `c-${number}` } : undefined
  return Array.from({ length: size }, (_, index) => ({
    eventId: `e-${kind}-${who}-${number}-${index}`,
    eventType: `Noted${index}`,
    eventData: { number, index },
    metadata: { correlationId: `k-${number % 2}`, ...command },
  }))
}

function optionsOf({ kind, expected, number }: Step, version: number): AppendOptions {
  const expectedVersion = expected === 'right' ? version : (expected as number | 'any')
  return {
    expectedVersion,
    ...(kind === 'command' ? { command: { commandId: `c-${number}`, fingerprint: number } } : {}),
  }
}

function recordOf({ number }: Step, version: number, position: number, time: number): CommandRecord {
  const reason = { code: 'no', message: 'No.' }
  const timestamp = new Date(time).toISOString()
  return { commandId: `c-${number}`, fingerprint: number, status: 'Rejected', version, position, timestamp, reason }
}

async function last(store: EventStore, aggregate: AggregateRef): Promise<number> {
  return (await store.loadEvents(aggregate)).at(-1)?.position ?? 0
}

/** A store whose pages reach no further than their last event, as they may. */
function curt(store: MemoryEventStore): EventStore {
  const readEvents: EventStore['readEvents'] = async (options) => {
    const page = await store.readEvents(options)
    return page.isEnd ? page : { ...page, position: page.events.at(-1)?.position ?? page.position }
  }
  return new Proxy<EventStore>(store, {
    get(_, name) {
      if (name === 'readEvents') return readEvents
      const value: unknown = Reflect.get(store, name, store)
      return typeof value === 'function' ? value.bind(store) : value
    },
  })
}

/** Does again what happened up to a position, of an append that leads beyond it only the part up to there. */
async function copyPast(
  base: EventStore,
  reference: EventStore,
  past: readonly Step[],
  position: number,
  clock: { time: number },
): Promise<void> {
  const again = new MemoryEventStore({ now: () => clock.time })
  for (const one of past) {
    const before = await again.headPosition()
    const outcome = (await happen(again, clock, one)) as Partial<AppendResult & CommandRecord>
    const after = await again.headPosition()
    const aggregate = aggregates[one.who] ?? assert.fail('there are three')
    if (after > position) {
      if (before === position) return
      const part = eventsOf(one).slice(0, position - before)
      await reference.appendEvents(aggregate, part, { expectedVersion: 'any' })
      return
    }
    if (one.kind === 'record') {
      if (outcome.status !== undefined) await reference.recordCommand(aggregate, outcome as CommandRecord)
    } else if (outcome.isRepeat === false) {
      await reference.appendEvents(aggregate, eventsOf(one), { ...optionsOf(one, 0), expectedVersion: 'any' })
    }
  }
  assert.equal(await base.headPosition(), await again.headPosition())
}

async function assertSame(branch: EventStore, reference: EventStore, { reads, loads, follows }: Looks): Promise<void> {
  assert.deepEqual(await everythingIn(branch), await everythingIn(reference))
  for (const [wanted, limit] of reads) {
    const pages = await Promise.all([branch, reference].map((store) => pagesOf(store, wanted, limit)))
    assert.deepEqual(pages[0], pages[1])
  }
  for (const [who, options] of loads) {
    const aggregate = aggregates[who] ?? assert.fail('there are three')
    assert.deepEqual(await branch.loadEvents(aggregate, options), await reference.loadEvents(aggregate, options))
  }
  for (const [afterPosition, batchSize] of follows) {
    for (const pattern of ['events.>', 'events.Team.*']) {
      const found = await Promise.all(
        [branch, reference].map((store) => follow(store, pattern, afterPosition, batchSize)),
      )
      assert.deepEqual(found[0], found[1])
    }
  }
}

async function everythingIn(store: EventStore): Promise<unknown> {
  const commands = aggregates.flatMap((aggregate) => commandIds.map((id) => store.findCommand(aggregate, id)))
  return {
    head: await store.headPosition(),
    events: await allEvents(store),
    loaded: await Promise.all(aggregates.map((aggregate) => store.loadEvents(aggregate))),
    commands: await Promise.all(commands),
  }
}

/** Events and ends are the same; how far a page without an end reaches is a store's own affair. */
async function pagesOf(store: EventStore, wanted: ReadEventsOptions, limit: number): Promise<unknown> {
  const found: unknown[] = []
  for (let afterPosition = wanted.afterPosition ?? 0; ; ) {
    const page = await store.readEvents({ ...wanted, afterPosition, limit })
    found.push(page.events, page.isEnd)
    if (page.isEnd) return [...found, page.position]
    assert.ok(page.position > afterPosition, 'a page leads further')
    afterPosition = page.position
  }
}

async function follow(store: EventStore, pattern: string, start: number, batchSize: number): Promise<unknown> {
  const head = await store.headPosition()
  const found: unknown[] = []
  if (start >= head) return found
  let before = start
  for await (const { events, position } of store.subscribe(pattern, { afterPosition: start, batchSize })) {
    assert.ok(position > before && events.length <= batchSize)
    before = position
    found.push(...events)
    if (position >= head) break
  }
  return found
}
