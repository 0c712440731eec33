import assert from 'node:assert/strict'
import { env } from 'node:process'
import { describe, mock, test } from 'node:test'
import fc from 'fast-check'
import { SequenceGapError } from '../errors/sequence-gap-error.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore, LoadEventsOptions } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { appendDeposits } from '../sample-account.test.ts'
import type { Clock } from './clock.ts'
import { type InSequenceOptions, inSequence } from './in-sequence.ts'

const eventStore = new MemoryEventStore()
const ids = ['a', 'b', 'c'] as const
type Id = (typeof ids)[number]
const longest = 6
for (let index = 0; index < longest; index++) for (const id of ids) await appendDeposits(eventStore, id, index)
const events = new Map<string, DomainEventEnvelope>()
for (const event of (await eventStore.readEvents({ limit: 100 })).events)
  events.set(`${event.aggregateId} ${event.sequence}`, event)

function eventOf(id: Id, sequence: number): DomainEventEnvelope {
  const event = events.get(`${id} ${sequence}`)
  assert.ok(event)
  return event
}

async function* deliver(...deliveries: readonly DomainEventEnvelope[]): AsyncGenerator<DomainEventEnvelope> {
  yield* deliveries
}

/** A source that has nothing more to deliver, and has not ended. */
async function* deliverAndStay(...deliveries: readonly DomainEventEnvelope[]): AsyncGenerator<DomainEventEnvelope> {
  yield* deliveries
  await new Promise(() => undefined)
}

type Got = {
  readonly sequences: Record<Id, number[]>
  readonly order: string[]
  readonly error: SequenceGapError | undefined
}

/** Takes all there is, and remembers what was processed. */
async function collect(
  source: AsyncIterable<DomainEventEnvelope>,
  options: Partial<InSequenceOptions>,
  start: Readonly<Record<Id, number>> = { a: 0, b: 0, c: 0 },
): Promise<Got> {
  const sequences: Record<Id, number[]> = { a: [], b: [], c: [] }
  const order: string[] = []
  const lastSequence: InSequenceOptions['lastSequence'] = async ({ aggregateId }) =>
    sequences[aggregateId as Id].at(-1) ?? start[aggregateId as Id]
  try {
    for await (const { aggregateId, sequence } of inSequence(source, { lastSequence, gapMs: 0, ...options })) {
      sequences[aggregateId as Id].push(sequence)
      order.push(`${aggregateId} ${sequence}`)
    }
    return { sequences, order, error: undefined }
  } catch (error) {
    if (error instanceof SequenceGapError) return { sequences, order, error }
    throw error
  }
}

/** A store that has only the first events of each account. */
function storeUpTo(stored: Readonly<Record<Id, number>>): Pick<EventStore, 'loadEvents'> {
  return {
    loadEvents: async (aggregate, options?: LoadEventsOptions) => {
      const most = stored[aggregate.aggregateId as Id]
      return (await eventStore.loadEvents(aggregate, options)).filter(({ sequence }) => sequence <= most)
    },
  }
}

const deliveriesOf = fc.array(
  fc.record({ id: fc.constantFrom(...ids), sequence: fc.integer({ min: 1, max: longest }) }),
  { maxLength: 40 },
)
const counts = fc.record({
  a: fc.integer({ min: 0, max: longest }),
  b: fc.integer({ min: 0, max: longest }),
  c: fc.integer({ min: 0, max: longest }),
})
const bounds = fc.record({
  mostWaiting: fc.integer({ min: 1, max: 8 }),
  mostRemembered: fc.integer({ min: 1, max: 4 }),
})
type Deliveries = readonly { readonly id: Id; readonly sequence: number }[]

const sourceOf = (deliveries: Deliveries) => deliver(...deliveries.map(({ id, sequence }) => eventOf(id, sequence)))

/** A failure names its seed and path; `CIM_TEST_SEED` and `CIM_TEST_PATH` repeat it. */
function check<TInputs>(property: fc.IAsyncProperty<TInputs>): Promise<void> {
  const { CIM_TEST_SEED: seed, CIM_TEST_PATH: path } = env
  return fc.assert(property, {
    numRuns: 1000,
    ...(seed === undefined ? undefined : { seed: Number(seed) }),
    ...(path === undefined ? undefined : { path }),
  }) as Promise<void>
}

/** What comes out without a store, event by event. */
function model(deliveries: Deliveries, start: Readonly<Record<Id, number>>, mostWaiting: number) {
  const last = { ...start }
  const waiting = new Set<string>()
  const order: string[] = []
  for (const { id, sequence } of deliveries) {
    const name = `${id} ${sequence}`
    if (sequence <= last[id] || waiting.has(name)) continue
    if (sequence > last[id] + 1 && waiting.size === mostWaiting) return { order, isWhole: false }
    waiting.add(name)
    while (waiting.delete(`${id} ${last[id] + 1}`)) order.push(`${id} ${++last[id]}`)
  }
  return { order, isWhole: waiting.size === 0 }
}

describe('deliveries in any order, repeated and lost,', () => {
  test('come out as from a simple model when there is no store', async () => {
    await check(
      fc.asyncProperty(deliveriesOf, counts, bounds, async (deliveries, start, bound) => {
        const expected = model(deliveries, start, bound.mostWaiting)
        const got = await collect(sourceOf(deliveries), bound, start)
        assert.deepEqual(got.order, expected.order)
        assert.equal(got.error === undefined, expected.isWhole)
      }),
    )
  })

  test('come out whole when the store has all of them, however few may wait', async () => {
    await check(
      fc.asyncProperty(deliveriesOf, counts, bounds, async (deliveries, start, bound) => {
        const { sequences, error } = await collect(sourceOf(deliveries), { eventStore, ...bound }, start)
        assert.equal(error, undefined)
        for (const id of ids) {
          const last = Math.max(start[id], ...deliveries.filter((one) => one.id === id).map(({ sequence }) => sequence))
          assert.deepEqual(sequences[id], range(start[id] + 1, last))
        }
      }),
    )
  })

  test('come out in order and once, or end with the first event that nobody has', async () => {
    await check(
      fc.asyncProperty(deliveriesOf, counts, counts, bounds, async (deliveries, start, stored, bound) => {
        const got = await collect(sourceOf(deliveries), { eventStore: storeUpTo(stored), ...bound }, start)
        for (const id of ids) {
          const delivered = deliveries.filter((one) => one.id === id).map(({ sequence }) => sequence)
          const wanted = Math.max(start[id], ...delivered)
          const whole = range(start[id] + 1, wanted)
          const missing = whole.find((sequence) => sequence > stored[id] && !delivered.includes(sequence))
          if (got.error === undefined || got.error.message.includes('has ended')) {
            assert.deepEqual(got.sequences[id], range(start[id] + 1, (missing ?? wanted + 1) - 1))
          } else assert.deepEqual(got.sequences[id], whole.slice(0, got.sequences[id].length))
          if (got.error?.aggregateId !== id) continue
          assert.equal(got.error.missingSequence, (got.sequences[id].at(-1) ?? start[id]) + 1)
          assert.ok(got.error.missingSequence > stored[id])
          assert.ok(delivered.includes(got.error.firstWaiting))
        }
      }),
    )
  })
})

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
}

describe('a gap that nobody fills', () => {
  const gone = [eventOf('a', 1), eventOf('a', 4), eventOf('a', 3), eventOf('b', 1), eventOf('c', 2)]
  const ending =
    'Nothing that waits was handed out: have the missing event delivered, then begin again after the last events that were processed.'

  test('is an error at the end of the source that names it', async () => {
    const { order, error } = await collect(deliver(...gone), {})
    assert.deepEqual(order, ['a 1', 'b 1'])
    assert.deepEqual(
      error?.message,
      'Account "a": event 2 is missing; 2 from sequence 3 on wait for it, and events of 1 other aggregate wait. The source ' +
        `has ended, and there is no store to read from. ${ending}`,
    )
    const { code, aggregateType, aggregateId, missingSequence, firstWaiting, waitingEvents } = error
    assert.deepEqual(
      { code, aggregateType, aggregateId, missingSequence, firstWaiting, waitingEvents },
      {
        code: 'sequence-gap',
        aggregateType: 'Account',
        aggregateId: 'a',
        missingSequence: 2,
        firstWaiting: 3,
        waitingEvents: 2,
      },
    )
  })

  test('is one only after the store has been asked for every gap', async () => {
    const { order, error } = await collect(deliver(...gone), { eventStore: storeUpTo({ a: 1, b: 1, c: 6 }) })
    assert.deepEqual(order, ['a 1', 'b 1', 'c 1', 'c 2'])
    assert.match(
      error?.message ?? '',
      /^Account "a": event 2 .* The source has ended, and the store does not have it\. /,
    )
  })

  test('is an error when one more event would wait than may, though the missing one comes later', async () => {
    const late = [...range(2, 6).map((sequence) => eventOf('a', sequence)), eventOf('a', 1)]
    for (const eventStore of [undefined, storeUpTo({ a: 0, b: 0, c: 0 })]) {
      const store = eventStore === undefined ? undefined : { eventStore }
      const { order, error } = await collect(deliver(...late), { ...store, mostWaiting: 4 })
      assert.deepEqual(order, [])
      assert.match(
        error?.message ?? '',
        /event 1 is missing; 4 from sequence 2 on .* No more than 4 events may wait \(mostWaiting\)/,
      )
      assert.deepEqual((await collect(deliver(...late), { ...store, mostWaiting: 5 })).sequences.a, range(1, 6))
    }
  })
})

describe('a source that does not end', () => {
  test('is asked for more while a gap waits for the store', { timeout: 20_000 }, async () => {
    const source = async function* () {
      yield eventOf('a', 2)
      // Faster than any timer, for longer than the gap may wait.
      while (!isThere) yield eventOf('b', 1)
      await new Promise(() => undefined)
    }
    let isThere = false
    const ordered = inSequence(source(), { eventStore, lastSequence: async () => 0, gapMs: 5 })
    const got: string[] = []
    for await (const { aggregateId, sequence } of ordered) {
      got.push(`${aggregateId} ${sequence}`)
      if (sequence === 2) break
      if (aggregateId === 'a') isThere = true
    }
    assert.deepEqual(got, ['b 1', 'a 1', 'a 2'])
  })

  test('does not keep a failure of the store from being told', { timeout: 20_000 }, async () => {
    const failing = { loadEvents: () => Promise.reject(new Error('The store is away.')) }
    const ordered = inSequence(deliverAndStay(eventOf('a', 2)), {
      eventStore: failing,
      lastSequence: async () => 0,
      gapMs: 1,
    })
    await assert.rejects(ordered.next(), /The store is away/)
  })

  test('does not keep a reader from leaving', { timeout: 20_000 }, async () => {
    const ordered = inSequence(deliverAndStay(eventOf('a', 2)), { eventStore, lastSequence: async () => 0, gapMs: 1 })
    for await (const { sequence } of ordered) {
      assert.equal(sequence, 1)
      break
    }
  })

  test('is waited for once, however often the store is asked meanwhile', { timeout: 20_000 }, async () => {
    const coming = Promise.withResolvers<IteratorResult<DomainEventEnvelope>>()
    const waits = mock.method(coming.promise, 'then').mock
    const answers = [Promise.resolve({ done: false, value: eventOf('a', 2) }), coming.promise]
    const source = { [Symbol.asyncIterator]: () => ({ next: () => answers.shift() ?? Promise.reject(new Error()) }) }
    const asked = Promise.withResolvers<void>()
    let looks = 0
    const loadEvents = async () => {
      if (++looks === 50) asked.resolve()
      return []
    }
    const ordered = inSequence(source, { eventStore: { loadEvents }, lastSequence: async () => 0, gapMs: 0 })
    const first = ordered.next()
    await asked.promise
    coming.resolve({ done: false, value: eventOf('a', 1) })
    assert.equal((await first).value.sequence, 1)
    assert.ok(waits.callCount() <= 1, `${waits.callCount()} promises wait for one delivery`)
  })
})

test('as many events may wait as there is memory for', async () => {
  const some = eventOf('a', 2)
  const many = 130_000
  const at = (sequence: number) => ({ ...some, sequence, eventId: String(sequence) })
  const source = async function* () {
    for (let sequence = many; sequence > 1; sequence--) yield at(sequence)
  }
  const loadEvents = async (_: unknown, range?: LoadEventsOptions) =>
    range?.fromVersion === 1 && range.toVersion === 1 ? [at(1)] : []
  const clock: Clock = {
    now: () => 0,
    schedule: (callback) => {
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    },
  }
  const options = { eventStore: { loadEvents }, lastSequence: async () => 0, mostWaiting: many, clock }
  let last = 0
  for await (const { sequence } of inSequence(source(), options)) assert.equal(sequence, ++last)
  assert.equal(last, many)
})
