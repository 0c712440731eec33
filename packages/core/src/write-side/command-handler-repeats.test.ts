/** Commands that come again: guarantee 4. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { a1, account, accountDefinition, appendDeposits, errorOf, withHooks } from '../sample-account.test.ts'
import { CommandHandler } from './command-handler.ts'
import { Repository } from './repository.ts'

function handlerOn(eventStore: EventStore, now: () => number = () => 0): CommandHandler {
  const repositories = [new Repository({ definition: accountDefinition, eventStore })]
  return new CommandHandler({ eventStore, repositories, now })
}

const withdraw = account.command('Withdraw', { amount: 5 }, { aggregateId: a1, commandId: 'c-1' })

describe('a repeated command', () => {
  test('that was accepted gives the first acknowledgment and stores nothing', async () => {
    let time = 0
    const now = () => (time += 1000)
    const eventStore = new MemoryEventStore({ now })
    const handler = handlerOn(eventStore, now)
    await appendDeposits(eventStore, a1, 5)
    const first = await handler.handle(withdraw)
    assert.equal(first.status, 'Accepted')
    await appendDeposits(eventStore, a1, 100, 100)
    const head = await eventStore.headPosition()
    assert.deepEqual(await handler.handle(withdraw), first)
    assert.deepEqual(await handlerOn(eventStore, now).handle(withdraw), first)
    assert.equal(await eventStore.headPosition(), head)
  })

  test('that was rejected stays rejected, even when it would be accepted now', async () => {
    let time = 0
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore, () => (time += 1000))
    const first = await handler.handle(withdraw)
    assert.deepEqual([first.status, first.reason?.code], ['Rejected', 'overdrawn'])
    await appendDeposits(eventStore, a1, 100)
    assert.deepEqual(await handler.handle(withdraw), first)
    assert.deepEqual(await handlerOn(eventStore).handle(withdraw), first)
    assert.equal((await handler.handle({ ...withdraw, commandId: 'c-2' })).status, 'Accepted')
  })

  test('that changed nothing gives the first acknowledgment', async () => {
    let time = 0
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore, () => (time += 1000))
    const nothing = account.command('Deposit', { amount: 0 }, { aggregateId: a1, commandId: 'c-1' })
    const first = await handler.handle(nothing)
    await appendDeposits(eventStore, a1, 100)
    assert.deepEqual(await handler.handle(nothing), first)
  })

  test('that created an aggregate without naming it finds the one that it created', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore)
    const create = account.command('Open', { owner: 'Ada' }, { commandId: 'c-1' })
    const first = await handler.handle(create)
    assert.deepEqual(await handler.handle(create), first)
    assert.deepEqual(await handlerOn(eventStore).handle(create), first)
    assert.notEqual((await handler.handle({ ...create, commandId: 'c-2' })).aggregateId, first.aggregateId)
    assert.equal(await eventStore.headPosition(), 2)
  })

  test('may write its properties in another order, and come from another user', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore)
    const deposit = { commandType: 'Deposit', aggregateId: a1, commandId: 'c-1' }
    const first = await handler.handle({ ...deposit, data: { amount: 5, note: { a: 1, b: 2 } } })
    const again = { data: { note: { b: 2, a: 1 }, amount: 5 }, userId: 'u', sessionId: 's', correlationId: 'r' }
    assert.deepEqual(await handler.handle({ ...again, ...deposit }), first)
    assert.equal(await eventStore.headPosition(), 1)
  })

  test('with other content is an error, accepted or rejected', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore)
    await handler.handle(withdraw)
    await handler.handle(account.command('Deposit', { amount: 1 }, { aggregateId: a1, commandId: 'c-2' }))
    for (const commandId of ['c-1', 'c-2']) {
      for (const other of [
        account.command('Withdraw', { amount: 6 }, { aggregateId: a1, commandId }),
        account.command('Deposit', { amount: 5 }, { aggregateId: a1, commandId }),
        account.command('Withdraw', { amount: 5 }, { aggregateId: a1, commandId, expectedVersion: 1 }),
      ]) {
        await errorOf(handler.handle(other), 'command-id-reused')
      }
    }
    const create = account.command('Open', { owner: 'Ada' }, { commandId: 'c-3' })
    await handler.handle(create)
    await errorOf(handler.handle({ ...create, data: { owner: 'Eve' } }), 'command-id-reused')
    assert.equal(await eventStore.headPosition(), 2)
  })

  test('is recognised when it expected a version that has passed', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore)
    const deposit = account.command('Deposit', { amount: 1 }, { aggregateId: a1, commandId: 'c-1', expectedVersion: 0 })
    const first = await handler.handle(deposit)
    assert.deepEqual(await handler.handle(deposit), first)
    await errorOf(handler.handle({ ...deposit, commandId: 'c-2' }), 'version-mismatch')
  })

  test('sent many times at once, in two processes, is done once', async () => {
    const eventStore = new MemoryEventStore()
    const handlers = [handlerOn(eventStore), handlerOn(eventStore)]
    for (const command of [
      account.command('Open', { owner: 'Ada' }, { commandId: 'c-1' }),
      account.command('Deposit', { amount: 5 }, { aggregateId: a1, commandId: 'c-1' }),
      account.command('Withdraw', { amount: 50 }, { aggregateId: a1, commandId: 'c-2' }),
    ]) {
      const before = await eventStore.headPosition()
      const sent = Array.from({ length: 20 }, (_, index) => handlers[index % 2]?.handle(command))
      const acknowledgments = await Promise.all(sent)
      for (const acknowledgment of acknowledgments) assert.deepEqual(acknowledgment, acknowledgments[0])
      assert.ok((await eventStore.headPosition()) <= before + 1)
    }
  })

  test('that another process rejects at the same moment is acknowledged as that process said', async () => {
    const eventStore = new MemoryEventStore()
    const other = handlerOn(eventStore)
    const interrupted = withHooks<EventStore>(eventStore, {
      // The other process decides on the state before the deposit, and is first to say so.
      appendEvents: async (...append) => {
        await eventStore.recordCommand(append[0], {
          ...(append[2].command ?? assert.fail('the command has an id')),
          status: 'Rejected',
          version: 0,
          position: 0,
          timestamp: '2026-01-01T00:00:00.000Z',
          reason: { code: 'overdrawn', message: 'The balance is too low.' },
        })
        return eventStore.appendEvents(...append)
      },
    })
    await appendDeposits(eventStore, a1, 5)
    const acknowledgment = await handlerOn(interrupted).handle(withdraw)
    assert.deepEqual([acknowledgment.status, acknowledgment.reason?.code], ['Rejected', 'overdrawn'])
    assert.deepEqual(await other.handle(withdraw), acknowledgment)
    assert.equal(await eventStore.headPosition(), 1)
  })

  test('without an id of its own is another command', async () => {
    const eventStore = new MemoryEventStore()
    const handler = handlerOn(eventStore)
    const deposit = account.command('Deposit', { amount: 5 }, { aggregateId: a1 })
    await handler.handle(deposit)
    const { version, commandId } = await handler.handle(deposit)
    assert.equal(version, 2)
    assert.equal(await eventStore.findCommand({ aggregateType: 'Account', aggregateId: a1 }, commandId), undefined)
  })
})
