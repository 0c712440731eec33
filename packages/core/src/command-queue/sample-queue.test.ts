/** Applications with a command queue, for the tests beside this file. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Application } from '../application/application.ts'
import type { ApplicationOptions } from '../application/application-options.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { account, accountDefinition } from '../sample-account.test.ts'
import type { Command } from '../write-side/command.ts'

/** Longer than anything in these tests takes. */
export const waitMs = 30_000

/** Stores, and applications that share them as processes would. */
export function openQueue(memory: MemoryEventStore = new MemoryEventStore()) {
  const viewStore = new MemoryViewStore()
  const newApplication = (options: Partial<ApplicationOptions> = {}, eventStore: EventStore = memory): Application =>
    new Application({
      eventStore,
      viewStore,
      aggregates: [accountDefinition],
      ...options,
      processors: { failures: { maxAttempts: 3, retryDelay: { firstMs: 1, mostMs: 2 } }, ...options.processors },
    })
  return { eventStore: memory, viewStore, newApplication }
}

/** @returns a deposit into an account; the amount tells commands apart */
export function deposit(commandId: string, amount: number, aggregateId = 'a-1', more: Partial<Command> = {}): Command {
  return { ...account.command('Deposit', { amount }, { commandId, aggregateId: account.id(aggregateId) }), ...more }
}

/** Queues a command. */
export function queue(application: Application, command: Command) {
  return application.dispatch(command, { mode: 'async' })
}

/** @returns the amounts deposited into an account, in order */
export async function depositsOf(eventStore: EventStore, aggregateId = 'a-1'): Promise<readonly number[]> {
  const events = await eventStore.loadEvents({ aggregateType: 'Account', aggregateId })
  return events.map(({ eventData }) => (eventData as { readonly amount: number }).amount)
}

if (import.meta.main) {
  test('sample applications share what they store', async () => {
    const { newApplication, eventStore } = openQueue()
    await newApplication().dispatch(deposit('c-1', 1))
    await newApplication().dispatch(deposit('c-2', 2))
    assert.deepEqual(await depositsOf(eventStore), [1, 2])
  })
}
