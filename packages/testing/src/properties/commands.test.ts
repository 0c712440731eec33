/** What holds for any commands, sent any number of times, through any number of processes, in any order of steps. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type AggregateDefinition,
  type CommandAcknowledgment,
  CommandHandler,
  canonicalJson,
  type EventStore,
  MemoryEventStore,
  MemorySnapshotStore,
  Repository,
  stateAt,
} from '@cim/core'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'
import { type Amount, account } from './sample-account.test.ts'

type Sent = {
  readonly commandType: 'Deposit' | 'Withdraw'
  readonly amount: number
  readonly through: readonly number[]
}

const accountId = account.id('a-1')
const processes = 3

/** Each command has an id of its own and is sent one or more times, each time through one of the processes. */
const commands: fc.Arbitrary<readonly Sent[]> = fc.array(
  fc.record({
    commandType: fc.constantFrom('Deposit', 'Withdraw'),
    amount: fc.nat(3),
    through: fc.array(fc.nat(processes - 1), { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 10 },
)

describe('any commands through any processes', () => {
  test('are each done once, on the state that they say, and repeats are told the same', async () => {
    const property = fc.asyncProperty(fc.scheduler(), commands, async (scheduler, sent) => {
      const store = new MemoryEventStore()
      const snapshotStore = new MemorySnapshotStore()
      const handlers = Array.from({ length: processes }, () => {
        const eventStore = scheduled(scheduler, store)
        const definition = account as unknown as AggregateDefinition
        const repository = new Repository({ definition, eventStore, snapshotStore, snapshotEvery: 3 })
        return new CommandHandler({ eventStore, repositories: [repository], maxAttempts: 1000 })
      })
      /** The version that the account had when a command was first sent. */
      const oldest = new Map<number, number>()
      const sending = sent.map(({ commandType, amount, through }, index) => {
        const command = account.command(commandType, { amount }, { aggregateId: accountId, commandId: `c-${index}` })
        return Promise.all(
          through.map(async (process) => {
            await scheduler.schedule(Promise.resolve())
            const { version } = await stateAt(account, store, accountId)
            oldest.set(index, Math.min(version, oldest.get(index) ?? version))
            return handlers[process]?.handle(command)
          }),
        )
      })
      const outcomes = await scheduler.waitFor(Promise.all(sending))
      for (const [index, acknowledgments] of outcomes.entries()) {
        const [first = assert.fail('sent at least once')] = acknowledgments
        for (const acknowledgment of acknowledgments) assert.deepEqual(acknowledgment, first)
        assert.ok(first.version >= (oldest.get(index) ?? 0), 'nothing is decided on a state that had passed before')
        await assertTrue(store, sent[index] ?? assert.fail('it was sent'), first)
      }
      const changes = outcomes.filter(([first], index) => first?.status === 'Accepted' && !isEmpty(sent[index]))
      const events = await store.loadEvents({ aggregateType: 'Account', aggregateId: accountId })
      assert.equal(events.length, changes.length, 'one event per accepted change')
    })
    await checkProperty(property, 150)
  })
})

/** The acknowledgment is what the decision on the acknowledged version gives. */
async function assertTrue(store: EventStore, sent: Sent, acknowledgment: CommandAcknowledgment): Promise<void> {
  const { status, version, position, commandId } = acknowledgment
  const aggregate = { aggregateType: 'Account', aggregateId: accountId }
  const own = (await store.loadEvents(aggregate)).filter(({ metadata }) => metadata.commandId === commandId)
  const decidedOn = await stateAt(account, store, accountId, { version: version - own.length })
  const { amount, commandType } = sent
  const isRefused = commandType === 'Withdraw' && decidedOn.state.balance < amount
  assert.equal(status, isRefused ? 'Rejected' : 'Accepted')
  assert.equal(own.length, isRefused || isEmpty(sent) ? 0 : 1)
  const data: Amount = { amount }
  if (own[0] !== undefined) assert.equal(canonicalJson(own[0].eventData), canonicalJson(data))
  assert.equal(position, (await stateAt(account, store, accountId, { version })).position)
}

function isEmpty(sent: Sent | undefined): boolean {
  return sent?.commandType === 'Deposit' && sent.amount === 0
}

/** A store each of whose answers comes when the scheduler says so. */
function scheduled(scheduler: fc.Scheduler, store: EventStore): EventStore {
  const delayed = new Map<string | symbol, unknown>()
  for (const name of ['appendEvents', 'loadEvents', 'findCommand', 'recordCommand'] as const) {
    const method = store[name].bind(store) as (...input: unknown[]) => Promise<unknown>
    delayed.set(name, scheduler.scheduleFunction(method))
  }
  return new Proxy(store, { get: (target, name) => delayed.get(name) ?? Reflect.get(target, name, target) })
}
