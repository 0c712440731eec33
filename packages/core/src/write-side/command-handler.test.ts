import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForbiddenError, type ValidationError } from '../errors/input-errors.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { a1, account, accountDefinition, errorOf, shape } from '../sample-account.test.ts'
import { type AggregateDefinition, defineAggregate } from './aggregate.ts'
import type { Command } from './command.ts'
import { type Authorize, CommandHandler } from './command-handler.ts'
import { event } from './decision.ts'
import { Repository } from './repository.ts'

const time = Date.UTC(2026, 5, 15)
const now = () => time
const reference = { aggregateType: 'Account', aggregateId: a1 }

function open(definition: AggregateDefinition = accountDefinition, authorize?: Authorize) {
  const eventStore = new MemoryEventStore({ now })
  const handler = new CommandHandler({
    eventStore,
    repositories: [new Repository({ definition, eventStore })],
    now,
    ...(authorize === undefined ? undefined : { authorize }),
  })
  return { eventStore, handler }
}

describe('a command handler', () => {
  test('acknowledges an accepted command with version, position and time', async () => {
    const { handler, eventStore } = open()
    const opened = await handler.handle(
      account.command('Open', { owner: 'Ada' }, { aggregateId: a1, commandId: 'c-1' }),
    )
    const timestamp = '2026-06-15T00:00:00.000Z'
    const expected = { status: 'Accepted', aggregateId: a1, version: 1, position: 1, timestamp, commandId: 'c-1' }
    assert.deepEqual(opened, expected)
    const [stored] = await eventStore.loadEvents(reference)
    assert.deepEqual([stored?.eventType, stored?.eventData], ['Opened', { owner: 'Ada' }])
  })

  test('acknowledges a rejected command with the reason, and stores no event', async () => {
    const { handler, eventStore } = open()
    await handler.handle(account.command('Deposit', { amount: 5 }, { aggregateId: a1 }))
    const command = account.command('Withdraw', { amount: 6 }, { aggregateId: a1, commandId: 'c-2' })
    assert.deepEqual(await handler.handle(command), {
      status: 'Rejected',
      aggregateId: a1,
      version: 1,
      position: 1,
      timestamp: '2026-06-15T00:00:00.000Z',
      commandId: 'c-2',
      reason: { code: 'overdrawn', message: 'The balance is too low.' },
    })
    assert.equal(await eventStore.headPosition(), 1)
  })

  test('accepts a command that has nothing to change', async () => {
    const { handler, eventStore } = open()
    const { status, version, position } = await handler.handle(
      account.command('Deposit', { amount: 0 }, { aggregateId: a1 }),
    )
    assert.deepEqual({ status, version, position }, { status: 'Accepted', version: 0, position: 0 })
    assert.equal(await eventStore.headPosition(), 0)
  })

  test('makes ids for the command and the aggregate when none are given', async () => {
    const { handler, eventStore } = open()
    const first = await handler.handle(account.command('Open', { owner: 'Ada' }))
    const second = await handler.handle(account.command('Open', { owner: 'Ada' }))
    assert.notEqual(first.commandId, second.commandId)
    assert.notEqual(first.aggregateId, second.aggregateId)
    assert.match(first.aggregateId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/)
    assert.equal((await eventStore.loadEvents({ ...reference, aggregateId: first.aggregateId })).length, 1)
  })

  test('writes down who and what caused an event', async () => {
    const { handler, eventStore } = open()
    const sender = { userId: 'u-1', sessionId: 's-1' }
    const root = account.command('Open', { owner: 'Ada' }, { aggregateId: a1, commandId: 'c-1', ...sender })
    await handler.handle(root)
    const caused = { aggregateId: a1, commandId: 'c-2', correlationId: 'root' }
    await handler.handle(account.command('Deposit', { amount: 1 }, caused))
    const { commandId } = await handler.handle(account.command('Deposit', { amount: 1 }, { aggregateId: a1 }))
    const stored = await eventStore.loadEvents(reference)
    assert.deepEqual(
      stored.map(({ metadata }) => metadata),
      [
        { correlationId: 'c-1', causationId: 'c-1', commandId: 'c-1', ...sender },
        { correlationId: 'root', causationId: 'c-2', commandId: 'c-2' },
        { correlationId: commandId, causationId: commandId, commandId },
      ],
    )
  })

  test('hands the decision what the schema made of the data, the ids, and the time', async () => {
    const seen: unknown[] = []
    const curious = defineAggregate('Curious', {
      events: {},
      commands: { Look: shape<{ readonly at: string }>({ at: 'string' }) },
      initialState: null,
      decide: {
        Look: (_, command, context) => {
          seen.push(command, context)
          return []
        },
      },
      apply: {},
    })
    const { handler } = open(curious as unknown as AggregateDefinition)
    const data = { at: 'x', dropped: true }
    await handler.handle({ commandType: 'Look', data, aggregateId: curious.id('l-1'), commandId: 'c', userId: 'u' })
    const parsed = { commandType: 'Look', data: { at: 'x' }, aggregateId: 'l-1', commandId: 'c', userId: 'u' }
    assert.deepEqual(seen, [parsed, { now: '2026-06-15T00:00:00.000Z' }])
  })

  test('refuses a command that nobody defines, and names those that are', async () => {
    const { handler } = open()
    for (const commandType of ['open', 'constructor', '__proto__', '']) {
      const error = await errorOf(handler.handle({ commandType, data: {} }), 'unknown-command')
      assert.equal(error.message, `There is no command '${commandType}'. Known: Open, Deposit, Withdraw.`)
    }
  })

  test('refuses data that does not fit the schema, with pointers', async () => {
    const { handler, eventStore } = open()
    const command = { commandType: 'Deposit', data: { amount: '5' }, aggregateId: a1 }
    const error = (await errorOf(handler.handle(command), 'validation')) as ValidationError
    assert.deepEqual(error.issues, [{ pointer: '/amount', message: 'must be a number' }])
    assert.equal(await eventStore.headPosition(), 0)
  })

  test('refuses fields that it does not know, and ids and versions that cannot be', async () => {
    const { handler } = open()
    const command: Command = { commandType: 'Deposit', data: { amount: 5 } }
    for (const [pointer, wrong] of [
      ['/aggregateID', { aggregateID: 'a-1' }],
      ['/aggregateId', { aggregateId: '' }],
      ['/commandId', { commandId: 'line\nfeed' }],
      ['/correlationId', { correlationId: 42 }],
      ['/userId', { userId: 'half \ud800' }],
      ['/sessionId', { sessionId: 'x'.repeat(201) }],
      ['/expectedVersion', { expectedVersion: -1 }],
      ['/expectedVersion', { expectedVersion: 1.5 }],
    ] as const) {
      const error = (await errorOf(
        handler.handle({ ...command, ...wrong } as Command),
        'validation',
      )) as ValidationError
      assert.deepEqual(
        error.issues.map((issue) => issue.pointer),
        [pointer],
      )
    }
  })

  test('asks whether the sender may, before anything is loaded or stored', async () => {
    const asked: unknown[] = []
    const { handler, eventStore } = open(accountDefinition, async (command, principal) => {
      asked.push(command, principal)
      if (principal !== 'teller') throw new ForbiddenError('Only tellers may.')
    })
    const command = account.command('Deposit', { amount: 5 }, { aggregateId: a1, commandId: 'c' })
    await errorOf(handler.handle(command, { principal: 'thief' }), 'forbidden')
    await errorOf(handler.handle(command), 'forbidden')
    assert.equal(await eventStore.headPosition(), 0)
    assert.equal(await eventStore.findCommand(reference, 'c'), undefined)
    assert.equal((await handler.handle(command, { principal: 'teller' })).status, 'Accepted')
    const parsed = { commandType: 'Deposit', data: { amount: 5 }, aggregateId: a1, commandId: 'c' }
    assert.deepEqual(asked, [parsed, 'thief', parsed, undefined, parsed, 'teller'])
    await errorOf(handler.handle(command, { principal: 'thief' }), 'forbidden')
  })

  test('stores nothing when a decision makes an event that does not fit its schema', async () => {
    const broken = defineAggregate('Broken', {
      events: { Fine: shape<{ readonly n: number }>({ n: 'number' }) },
      commands: { Break: shape<{ readonly how: string }>({ how: 'string' }) },
      initialState: null,
      decide: {
        Break: (_, { data }) => [
          event('Fine', { n: 1 }),
          data.how === 'schema' ? event('Fine', { n: 'x' as never }) : event('Unknown' as 'Fine', { n: 1 }),
        ],
      },
      apply: { Fine: () => null },
    })
    const { handler, eventStore } = open(broken as unknown as AggregateDefinition)
    for (const how of ['schema', 'unknown']) {
      await errorOf(handler.handle(broken.command('Break', { how })), 'invalid-event')
    }
    assert.equal(await eventStore.headPosition(), 0)
  })

  test('refuses two aggregates that define the same command', async () => {
    const eventStore = new MemoryEventStore()
    const other = { ...accountDefinition, aggregateType: 'Other' }
    const repositories = [accountDefinition, other].map((definition) => new Repository({ definition, eventStore }))
    const error = await errorOf(() => new CommandHandler({ eventStore, repositories }), 'invalid-definition')
    assert.match(error.message, /Open is defined by Account and by Other/)
  })

  test('gives up when the signal says so', async () => {
    const { handler, eventStore } = open()
    const command = account.command('Deposit', { amount: 5 }, { aggregateId: a1 })
    await assert.rejects(handler.handle(command, { signal: AbortSignal.abort() }), { name: 'AbortError' })
    assert.equal(await eventStore.headPosition(), 0)
  })
})
