import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConcurrencyError } from '../errors/concurrency-errors.ts'
import { UndecodableEventError } from '../errors/event-errors.ts'
import type { EventStore, LoadEventsOptions } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { a1, account, accountDefinition, appendDeposits, deposits, errorOf, withHooks } from '../sample-account.test.ts'
import type { Schema } from '../schema/schema.ts'
import { defineAggregate } from './aggregate.ts'
import { event } from './decision.ts'
import { Repository } from './repository.ts'

/** A store that notes which aggregates are loaded, from which version on. */
function watched(eventStore: EventStore) {
  const loads: string[] = []
  const hooked = withHooks<EventStore>(eventStore, {
    loadEvents: async (aggregate, options?: LoadEventsOptions) => {
      const events = await eventStore.loadEvents(aggregate, options)
      loads.push(`${aggregate.aggregateId} from ${options?.fromVersion ?? 1}: ${events.length}`)
      return events
    },
  })
  return { hooked, loads }
}

describe('a repository', () => {
  test('loads what does not exist as the initial state at version 0', async () => {
    const repository = new Repository({ definition: account, eventStore: new MemoryEventStore() })
    const empty = { aggregateId: a1, state: account.initialState, version: 0, position: 0, timestamp: '' }
    assert.deepEqual(await repository.load(a1), { ...empty, isVerified: true })
    assert.deepEqual(await repository.load(a1), { ...empty, isVerified: true })
  })

  test('saves events and then has the aggregate in memory', async () => {
    const eventStore = new MemoryEventStore({ now: () => 0 })
    const { hooked, loads } = watched(eventStore)
    const repository = new Repository({ definition: account, eventStore: hooked })
    const loaded = await repository.load(a1)
    const result = await repository.save(
      loaded,
      [event('Opened', { owner: 'Ada' }), event('Deposited', { amount: 5 })],
      {
        metadata: { userId: 'u-1' },
      },
    )
    assert.deepEqual([result.version, result.events[1]?.metadata], [2, { userId: 'u-1' }])
    const timestamp = '1970-01-01T00:00:00.000Z'
    const saved = { aggregateId: a1, state: { owner: 'Ada', balance: 5 }, version: 2, position: 2, timestamp }
    assert.deepEqual(await repository.load(a1), { ...saved, isVerified: false })
    assert.deepEqual(loads, ['a-1 from 1: 0'])
  })

  test('has a state of its own, whatever happens to the objects that the events were made of', async () => {
    const anything: Schema<{ list: number[] }> = {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as { list: number[] } }) },
    }
    const note = defineAggregate('Note', {
      events: { Noted: anything },
      commands: {},
      initialState: { list: [] as number[] },
      decide: {},
      apply: { Noted: (_, { data }) => data },
    })
    const repository = new Repository({ definition: note, eventStore: new MemoryEventStore() })
    const data = { list: [1] }
    await repository.save(await repository.load('n-1'), [event('Noted', data)])
    data.list.push(2)
    assert.deepEqual((await repository.load('n-1')).state, { list: [1] })
  })

  test('looks into the store for newer events when asked to', async () => {
    const eventStore = new MemoryEventStore()
    const { hooked, loads } = watched(eventStore)
    const repository = new Repository({ definition: account, eventStore: hooked })
    await appendDeposits(eventStore, a1, 1, 2)
    await repository.load(a1)
    await appendDeposits(eventStore, a1, 3)
    assert.equal((await repository.load(a1)).version, 2)
    const { version, state, isVerified } = await repository.load(a1, { refresh: true })
    assert.deepEqual({ version, balance: state.balance, isVerified }, { version: 3, balance: 6, isVerified: true })
    assert.equal((await repository.load(a1)).version, 3)
    assert.deepEqual(loads, ['a-1 from 1: 2', 'a-1 from 3: 0', 'a-1 from 3: 1', 'a-1 from 4: 0'])
  })

  test('loads an aggregate of thousands of events page by page', async () => {
    const eventStore = new MemoryEventStore()
    for (let version = 0; version < 2500; version += 500) {
      await appendDeposits(eventStore, a1, ...Array.from({ length: 500 }, () => 1))
    }
    const { hooked, loads } = watched(eventStore)
    const { state, version } = await new Repository({ definition: account, eventStore: hooked }).load(a1)
    assert.deepEqual({ balance: state.balance, version }, { balance: 2500, version: 2500 })
    assert.deepEqual(loads, ['a-1 from 1: 1000', 'a-1 from 1001: 1000', 'a-1 from 2001: 500', 'a-1 from 2501: 0'])
  })

  test('refuses to save on a version that has passed, and forgets nothing', async () => {
    const eventStore = new MemoryEventStore()
    const repository = new Repository({ definition: account, eventStore })
    const loaded = await repository.load(a1)
    await appendDeposits(eventStore, a1, 1)
    const save = repository.save(loaded, [event('Deposited', { amount: 5 })])
    const { actualVersion } = (await errorOf(save, 'concurrency')) as ConcurrencyError
    assert.equal(actualVersion, 1)
    assert.equal((await repository.load(a1)).version, 1)
  })

  test('keeps at most so many aggregates in memory, and gives up the least recently used', async () => {
    const eventStore = new MemoryEventStore()
    for (const id of ['a', 'b', 'c', 'd']) await appendDeposits(eventStore, id, 1)
    const { hooked, loads } = watched(eventStore)
    const repository = new Repository({ definition: account, eventStore: hooked, maxCachedAggregates: 3 })
    for (const id of ['a', 'b', 'c']) await repository.load(id)
    await repository.load('a')
    await repository.load('d')
    assert.deepEqual(
      loads.splice(0).filter((load) => load.endsWith(': 1')),
      ['a from 1: 1', 'b from 1: 1', 'c from 1: 1', 'd from 1: 1'],
    )
    for (const id of ['a', 'c', 'd']) await repository.load(id)
    assert.deepEqual(loads.splice(0), [])
    await repository.load('b')
    await repository.load('a')
    assert.deepEqual(
      loads.filter((load) => load.endsWith(': 1')),
      ['b from 1: 1', 'a from 1: 1'],
    )
  })

  test('keeps nothing in memory when told so, and works all the same', async () => {
    const eventStore = new MemoryEventStore()
    const { hooked, loads } = watched(eventStore)
    const repository = new Repository({ definition: account, eventStore: hooked, maxCachedAggregates: 0 })
    await repository.save(await repository.load(a1), [event('Deposited', { amount: 5 })])
    const { isVerified, version } = await repository.load(a1)
    assert.deepEqual(
      { isVerified, version, loads },
      { isVerified: true, version: 1, loads: ['a-1 from 1: 0', 'a-1 from 1: 1', 'a-1 from 2: 0'] },
    )
  })

  test('does not put an older state in place of a newer one', async () => {
    const eventStore = new MemoryEventStore()
    await appendDeposits(eventStore, a1, 1)
    const late = Promise.withResolvers<void>()
    let isFirst = true
    const hooked = withHooks<EventStore>(eventStore, {
      loadEvents: async (...load) => {
        const events = await eventStore.loadEvents(...load)
        if (events.length === 0 && isFirst) {
          isFirst = false
          await late.promise
        }
        return events
      },
    })
    const repository = new Repository({ definition: account, eventStore: hooked })
    const slow = repository.load(a1)
    await repository.save(await repository.load(a1), [event('Deposited', { amount: 5 })])
    late.resolve()
    assert.equal((await slow).version, 1)
    assert.equal((await repository.load(a1)).version, 2)
  })

  test('stores what a decision made even when applying it fails, and says so on the next load', async () => {
    const apply = { ...accountDefinition, apply: () => assert.fail('broken') }
    const eventStore = new MemoryEventStore()
    const repository = new Repository({ definition: apply, eventStore })
    const { version } = await repository.save(await repository.load(a1), [event('Deposited', { amount: 5 })])
    assert.equal(version, 1)
    const error = await errorOf(repository.load(a1), 'undecodable-event')
    assert.ok(error instanceof UndecodableEventError)
    assert.match(error.message, /Deposited at position 1 \(Account "a-1", sequence 1\).*apply failed: broken/)
  })

  test('refuses events that the aggregate does not define, or that do not fit', async () => {
    const eventStore = new MemoryEventStore()
    const repository = new Repository({ definition: account, eventStore })
    const loaded = await repository.load(a1)
    for (const wrong of [event('Closed', {}), event('constructor', {}), event('Deposited', { amount: 'x' })]) {
      const save = repository.save(loaded, [event('Deposited', { amount: 1 }), wrong])
      await errorOf(save, 'invalid-event')
    }
    assert.equal(await eventStore.headPosition(), 0)
    assert.deepEqual(deposits(1), [{ eventType: 'Deposited', eventData: { amount: 1 } }])
  })

  test('names an option that it does not know', async () => {
    const options = { definition: account, eventStore: new MemoryEventStore() }
    await errorOf(() => new Repository({ ...options, snapshotsEvery: 5 } as typeof options), 'invalid-option')
    await errorOf(() => new Repository({ ...options, snapshotEvery: 0 }), 'invalid-option')
    await errorOf(() => new Repository({ ...options, maxCachedAggregates: -1 }), 'invalid-option')
  })
})
