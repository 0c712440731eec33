import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { appendDeposits } from '../sample-account.test.ts'
import { type InSequenceOptions, inSequence } from './in-sequence.ts'

/** A store with so many events of each of three accounts, and all of its events. */
async function filled(count: number) {
  const eventStore = new MemoryEventStore()
  for (let index = 0; index < count; index++)
    for (const id of ['a', 'b', 'c']) await appendDeposits(eventStore, id, index)
  return { eventStore, events: (await eventStore.readEvents({ limit: 10_000 })).events }
}

async function* deliver(events: Iterable<DomainEventEnvelope>): AsyncGenerator<DomainEventEnvelope> {
  for (const event of events) yield event
}

async function collect(
  deliveries: readonly DomainEventEnvelope[],
  options: Partial<InSequenceOptions> & Pick<InSequenceOptions, 'eventStore'>,
) {
  const got = new Map<string, number[]>()
  const source = deliver(deliveries)
  for await (const { aggregateId, sequence } of inSequence(source, {
    lastSequence: async () => 0,
    gapMs: 0,
    ...options,
  })) {
    got.set(aggregateId, [...(got.get(aggregateId) ?? []), sequence])
  }
  return got
}

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

describe('deliveries from outside', () => {
  test('that come in order pass as they are', async () => {
    const { eventStore, events } = await filled(5)
    const got = await collect(events, { eventStore })
    assert.deepEqual([...got.values()], [upTo(5), upTo(5), upTo(5)])
  })

  test('that come twice, in any order, or not at all, come out once, in order and whole', async () => {
    const { eventStore, events } = await filled(12)
    for (let seed = 1; seed <= 200; seed++) {
      const next = random(seed)
      const deliveries = events
        .flatMap((event) => {
          // The last of each aggregate must come: nobody can know of an event that is never mentioned.
          const times = event.sequence === 12 ? 1 : Math.floor(next() * 3)
          return Array.from({ length: times }, () => event)
        })
        .map((event) => [event.position + next() * 15, event] as const)
        .sort(([one], [other]) => one - other)
        .map(([, event]) => event)
      const got = await collect(deliveries, {
        eventStore,
        mostWaiting: 1 + Math.floor(next() * 20),
        mostRemembered: 1000,
      })
      for (const id of ['a', 'b', 'c']) assert.deepEqual(got.get(id), upTo(12), `seed ${seed}`)
    }
  })

  test('that were processed before are passed over', async () => {
    const { eventStore, events } = await filled(6)
    const got = await collect(events, {
      eventStore,
      lastSequence: async ({ aggregateId }) => (aggregateId === 'a' ? 4 : 6),
    })
    assert.deepEqual([...got], [['a', [5, 6]]])
  })

  test('wait for a missing event that the store has not seen either, and go on when it comes', async () => {
    const { eventStore, events } = await filled(3)
    const isThere = Promise.withResolvers<void>()
    const loads: number[] = []
    const late = {
      loadEvents: async (...load: Parameters<MemoryEventStore['loadEvents']>) => {
        loads.push(load[1]?.fromVersion ?? 0)
        if (loads.length === 3) isThere.resolve()
        return loads.length > 3 ? eventStore.loadEvents(...load) : []
      },
    }
    async function* source(): AsyncGenerator<DomainEventEnvelope> {
      yield* events.filter(({ aggregateId, sequence }) => aggregateId === 'a' && sequence !== 2)
      await isThere.promise
    }
    const got: number[] = []
    const options = { eventStore: late, lastSequence: async () => 0, gapMs: 0 }
    for await (const { sequence } of inSequence(source(), options)) got.push(sequence)
    assert.deepEqual(got, [1, 2, 3])
    assert.deepEqual(loads, [2, 2, 2, 2])
  })

  test('of which too many wait are taken no further before a gap is filled', async () => {
    const { eventStore, events } = await filled(50)
    let taken = 0
    async function* source(): AsyncGenerator<DomainEventEnvelope> {
      for (const event of events) {
        if (event.aggregateId !== 'a' || event.sequence === 1) continue
        taken++
        yield event
      }
    }
    const gate = Promise.withResolvers<void>()
    const slow = {
      loadEvents: async (...load: Parameters<MemoryEventStore['loadEvents']>) => {
        await gate.promise
        return eventStore.loadEvents(...load)
      },
    }
    const options = { eventStore: slow, lastSequence: async () => 0, gapMs: 0, mostWaiting: 5 }
    const ordered = inSequence(source(), options)
    const first = ordered.next()
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    assert.ok(taken <= 6, `${taken} were taken`)
    gate.resolve()
    assert.equal((await first).value.sequence, 1)
    const rest: number[] = []
    for await (const { sequence } of ordered) rest.push(sequence)
    assert.deepEqual(rest, upTo(50).slice(1))
  })

  test('end their source when nobody wants more', async () => {
    const { eventStore, events } = await filled(3)
    let isEnded = false
    async function* source(): AsyncGenerator<DomainEventEnvelope> {
      try {
        yield* events
      } finally {
        isEnded = true
      }
    }
    for await (const _ of inSequence(source(), { eventStore, lastSequence: async () => 0 })) break
    assert.equal(isEnded, true)
  })
})
