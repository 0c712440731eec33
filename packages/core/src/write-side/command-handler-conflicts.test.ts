/** Commands that meet other writers: guarantee 2. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConcurrencyError, VersionMismatchError } from '../errors/concurrency-errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { a1, account, accountDefinition, appendDeposits, errorOf, withHooks } from '../sample-account.test.ts'
import { CommandHandler } from './command-handler.ts'
import { Repository } from './repository.ts'

function handlerOn(eventStore: EventStore, maxAttempts?: number): CommandHandler {
  const repositories = [new Repository({ definition: accountDefinition, eventStore })]
  return new CommandHandler({ eventStore, repositories, ...(maxAttempts === undefined ? undefined : { maxAttempts }) })
}

const deposit = (amount: number) => account.command('Deposit', { amount }, { aggregateId: a1 })
const withdraw = (amount: number) => account.command('Withdraw', { amount }, { aggregateId: a1 })

/** A store on which another process deposits 1 before so many of the appends that pass through. */
function contested(eventStore: EventStore, times: number) {
  let appends = 0
  const hooked = withHooks(eventStore, {
    appendEvents: async (...append) => {
      if (appends++ < times) await appendDeposits(eventStore, append[0].aggregateId, 1)
      return eventStore.appendEvents(...append)
    },
  })
  return { hooked, appends: () => appends }
}

describe('a command that meets another writer', () => {
  test('is decided again on the newest state', async () => {
    const eventStore = new MemoryEventStore()
    const { hooked, appends } = contested(eventStore, 3)
    const { status, version } = await handlerOn(hooked).handle(deposit(10))
    assert.deepEqual({ status, version, appends: appends() }, { status: 'Accepted', version: 4, appends: 4 })
  })

  test('is given up with the conflict after so many attempts', async () => {
    for (const [maxAttempts, attempts] of [
      [undefined, 5],
      [1, 1],
      [3, 3],
    ] as const) {
      const eventStore = new MemoryEventStore()
      const { hooked, appends } = contested(eventStore, 100)
      const error = (await errorOf(
        handlerOn(hooked, maxAttempts).handle(deposit(10)),
        'concurrency',
      )) as ConcurrencyError
      assert.deepEqual([appends(), error.actualVersion], [attempts, attempts])
      assert.equal(await eventStore.headPosition(), attempts)
    }
  })

  test('stops when its signal says so', async () => {
    const eventStore = new MemoryEventStore()
    const abort = new AbortController()
    const hooked = withHooks<EventStore>(eventStore, {
      appendEvents: async (...append) => {
        abort.abort()
        await appendDeposits(eventStore, a1, 1)
        return eventStore.appendEvents(...append)
      },
    })
    await assert.rejects(handlerOn(hooked).handle(deposit(10), { signal: abort.signal }), { name: 'AbortError' })
    assert.equal(await eventStore.headPosition(), 1)
  })

  test('is not rejected because of a state that has passed', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore)
    await handler.handle(deposit(5))
    await appendDeposits(eventStore, a1, 100)
    assert.equal((await handler.handle(withdraw(50))).status, 'Accepted')
    await handlerOn(eventStore).handle(withdraw(55))
    const { status, version } = await handler.handle(withdraw(1))
    assert.deepEqual({ status, version }, { status: 'Rejected', version: 4 })
  })

  test('is not accepted because of a state that has passed', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore)
    await handler.handle(deposit(100))
    await handlerOn(eventStore).handle(withdraw(100))
    assert.equal((await handler.handle(withdraw(50))).status, 'Rejected')
    assert.equal(await eventStore.headPosition(), 2)
  })

  test('that has nothing to change is acknowledged at the newest version', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore)
    await handler.handle(deposit(5))
    await appendDeposits(eventStore, a1, 1, 2, 3)
    const { version, position } = await handler.handle(deposit(0))
    assert.deepEqual({ version, position }, { version: 4, position: 4 })
  })

  test('is held to the version that its sender has seen', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore)
    await handler.handle({ ...deposit(5), expectedVersion: 0 })
    await appendDeposits(eventStore, a1, 1)
    // In memory the handler has version 1; the sender has seen version 2.
    assert.equal((await handler.handle({ ...deposit(5), expectedVersion: 2 })).version, 3)
    for (const expectedVersion of [0, 1, 2, 4]) {
      const refused = handler.handle({ ...deposit(5), expectedVersion })
      const error = (await errorOf(refused, 'version-mismatch')) as VersionMismatchError
      assert.deepEqual([error.expectedVersion, error.actualVersion], [expectedVersion, 3])
    }
    const rejected = handler.handle({ ...withdraw(500), expectedVersion: 1 })
    await errorOf(rejected, 'version-mismatch')
    assert.equal(await eventStore.headPosition(), 3)
  })

  test('that expects a version is not decided again on another one', async () => {
    const eventStore = new MemoryEventStore()
    const { hooked, appends } = contested(eventStore, 1)
    const refused = handlerOn(hooked).handle({ ...deposit(10), expectedVersion: 0 })
    const error = (await errorOf(refused, 'version-mismatch')) as VersionMismatchError
    assert.deepEqual([error.expectedVersion, error.actualVersion, appends()], [0, 1, 1])
  })
})

describe('many commands at once', () => {
  test('to one aggregate in one process are all accepted, in the order in which they came', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore, 1)
    const sent = Array.from({ length: 200 }, (_, index) => handler.handle(deposit(index + 1)))
    const acknowledgments = await Promise.all(sent)
    assert.deepEqual(
      acknowledgments.map(({ status, version }) => [status, version]),
      acknowledgments.map((_, index) => ['Accepted', index + 1]),
    )
    const events = await eventStore.loadEvents({ aggregateType: 'Account', aggregateId: a1 })
    assert.deepEqual(
      events.map(({ eventData }) => (eventData as { readonly amount: number }).amount),
      acknowledgments.map((_, index) => index + 1),
    )
  })

  test('never overdraw an account, however many processes there are', async () => {
    const eventStore = new MemoryEventStore()
    await appendDeposits(eventStore, a1, 30)
    const handlers = Array.from({ length: 4 }, () => handlerOn(eventStore, 100))
    const sent = Array.from({ length: 100 }, (_, index) => handlers[index % 4]?.handle(withdraw(1)))
    const statuses = (await Promise.all(sent)).map((acknowledgment) => acknowledgment?.status)
    assert.equal(statuses.filter((status) => status === 'Accepted').length, 30)
    assert.equal(await eventStore.headPosition(), 31)
  })

  test('to one aggregate do not wait for those to another', async () => {
    const eventStore = new MemoryEventStore()
    const slow = Promise.withResolvers<void>()
    const hooked = withHooks<EventStore>(eventStore, {
      appendEvents: async (...append) => {
        if (append[0].aggregateId === a1) await slow.promise
        return eventStore.appendEvents(...append)
      },
    })
    const handler = handlerOn(hooked)
    const waiting = handler.handle(deposit(1))
    const other = await handler.handle({ ...deposit(1), aggregateId: account.id('a-2') })
    assert.equal(other.position, 1)
    slow.resolve()
    assert.equal((await waiting).position, 2)
  })

  test('go on after one of them has failed', async () => {
    const eventStore = new MemoryEventStore()
    let appends = 0
    const hooked = withHooks<EventStore>(eventStore, {
      appendEvents: async (...append) => {
        if (++appends === 2) throw new Error('The disk is on fire.')
        return eventStore.appendEvents(...append)
      },
    })
    const handler = handlerOn(hooked)
    const outcomes = await Promise.allSettled([1, 2, 3].map((amount) => handler.handle(deposit(amount))))
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.equal(await eventStore.headPosition(), 2)
  })
})
