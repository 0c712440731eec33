import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventPage, EventStore, ReadEventsOptions } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { appendDeposits, deposits, errorOf, withHooks } from '../sample-account.test.ts'
import { openBranch } from './branch.ts'
import { BranchEventStore } from './branch-event-store.ts'

const a = { aggregateType: 'Account', aggregateId: 'a' }

/** Deposits to a and b in turn, at positions 1 to `count`; pages reach no further than their last event, as they may. */
async function open(count: number) {
  const memory = new MemoryEventStore()
  for (let position = 1; position <= count; position++) await appendDeposits(memory, position % 2 === 1 ? 'a' : 'b', 1)
  const loads: number[] = []
  const eventStore = withHooks<EventStore>(memory, {
    loadEvents: async (aggregate, options) => {
      const events = await memory.loadEvents(aggregate, options)
      loads.push(events.length)
      return events
    },
    readEvents: (options) => curtPage(memory, options),
  })
  return { memory, eventStore, loads }
}

async function curtPage(memory: MemoryEventStore, options: ReadEventsOptions | undefined): Promise<EventPage> {
  const page = await memory.readEvents(options)
  return page.isEnd ? page : { ...page, position: page.events.at(-1)?.position ?? page.position }
}

describe('a branch of an event store', () => {
  test('knows whether a page is the last one, whatever its base holds after it', async () => {
    const { eventStore } = await open(9)
    const branch = new BranchEventStore({ eventStore, position: 6 })
    const read = async (options: ReadEventsOptions) => {
      const { events, position, isEnd } = await branch.readEvents(options)
      return [events.map((event) => event.position), position, isEnd]
    }
    const until = '9999-01-01T00:00:00Z'
    assert.deepEqual(await read({ limit: 5 }), [[1, 2, 3, 4, 5], 5, false])
    assert.deepEqual(await read({ limit: 6 }), [[1, 2, 3, 4, 5, 6], 6, true])
    assert.deepEqual(await read({ limit: 7, beforeTimestamp: until }), [[1, 2, 3, 4, 5, 6], 6, true])
    // The next deposit to a is at 7, after the branch has begun.
    const ofA = new BranchEventStore({ eventStore: await onlyA(), position: 6 })
    const last = await ofA.readEvents({ aggregateType: 'Account', limit: 3 })
    assert.deepEqual([last.events.length, last.position, last.isEnd], [3, 6, true])
    await ofA.appendEvents(a, deposits(1), { expectedVersion: 3 })
    const full = await ofA.readEvents({ aggregateType: 'Account', limit: 3 })
    assert.deepEqual([full.events.length, full.isEnd], [3, false])
    const rest = await ofA.readEvents({ aggregateType: 'Account', limit: 3, afterPosition: full.position })
    assert.deepEqual([rest.events.map(({ position }) => position), rest.position, rest.isEnd], [[7], 7, true])
  })

  test('finds the version that an aggregate had with few reads of one event', async () => {
    const { eventStore, loads } = await open(2000)
    const branch = new BranchEventStore({ eventStore, position: 1200 })
    const { version, position } = await branch.appendEvents(a, deposits(1), { expectedVersion: 600 })
    assert.deepEqual([version, position], [601, 1201])
    assert.ok(loads.length <= 22, `${loads.length} reads`)
    assert.ok(loads.every((events) => events <= 1))
    loads.length = 0
    await branch.appendEvents(a, deposits(1), { expectedVersion: 601 })
    assert.deepEqual(loads, [])
  })

  test('is refused with an option that is unknown or impossible', async () => {
    const eventStore = new MemoryEventStore()
    for (const options of [{ position: -1 }, { position: 1.5 }, { position: 0, at: 1 }]) {
      await errorOf(() => new BranchEventStore({ eventStore, ...options }), 'invalid-option')
    }
  })

  test('closes without its base', async () => {
    const { memory } = await open(2)
    const branch = await openBranch(memory, {}, Date.now)
    await branch.close()
    await errorOf(branch.headPosition(), 'store-closed')
    assert.equal(await memory.headPosition(), 2)
  })

  test('is not confused by appends to its base while it follows the log', async () => {
    const { memory } = await open(3)
    const branch = await openBranch(memory, {}, Date.now)
    const batches = branch.subscribe('events.>')[Symbol.asyncIterator]()
    await appendDeposits(memory, 'a', 7)
    assert.deepEqual((await batches.next()).value?.events.length, 3)
    const waiting = batches.next()
    await appendDeposits(memory, 'a', 8)
    const { events } = await branch.appendEvents(a, deposits(9), { expectedVersion: 2 })
    assert.deepEqual((await waiting).value, { events, position: 4 })
    await batches.return?.()
  })

  test('does not know a rejection that its base recorded after its moment', async () => {
    let time = Date.UTC(2026, 0, 1)
    const memory = new MemoryEventStore({ now: () => time })
    const reject = (commandId: string) => ({
      ...{ commandId, fingerprint: 1, status: 'Rejected' as const, version: 1, position: 1 },
      timestamp: new Date(time).toISOString(),
    })
    await appendDeposits(memory, 'a', 1)
    await memory.recordCommand(a, reject('before'))
    time += 1000
    const branch = await openBranch(memory, {}, () => time)
    const early = await openBranch(memory, { timestamp: '2026-01-01T00:00:00.500Z' }, () => time)
    time += 1000
    await memory.recordCommand(a, reject('after'))
    for (const store of [branch, early]) {
      assert.equal((await store.findCommand(a, 'before'))?.status, 'Rejected')
      assert.equal(await store.findCommand(a, 'after'), undefined)
    }
  })
})

/** Deposits to an account at odd positions, events of another type at even ones. */
async function onlyA(): Promise<EventStore> {
  const memory = new MemoryEventStore()
  for (let position = 1; position <= 9; position++) {
    const aggregate = position % 2 === 1 ? a : { aggregateType: 'Other', aggregateId: 'b' }
    await memory.appendEvents(aggregate, deposits(1), { expectedVersion: 'any' })
  }
  return withHooks<EventStore>(memory, { readEvents: (options) => curtPage(memory, options) })
}
