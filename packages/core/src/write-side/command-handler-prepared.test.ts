import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForbiddenError, type ValidationError } from '../errors/input-errors.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { a1, account, accountDefinition, errorOf } from '../sample-account.test.ts'
import { defineAggregate } from './aggregate.ts'
import type { Command } from './command.ts'
import { type Authorize, CommandHandler } from './command-handler.ts'
import { Repository } from './repository.ts'

function open(authorize?: Authorize) {
  const eventStore = new MemoryEventStore()
  const handlerOf = (definition = accountDefinition) =>
    new CommandHandler({
      eventStore,
      repositories: [new Repository({ definition, eventStore })],
      ...(authorize === undefined ? undefined : { authorize }),
    })
  return { eventStore, handlerOf, handler: handlerOf() }
}

const deposit = account.command('Deposit', { amount: 5 }, { aggregateId: a1, commandId: 'c-1' })
const expecting = { ...deposit, expectedVersion: 3 }

describe('a prepared command', () => {
  test('is validated and authorized once, has its ids, and has changed nothing', async () => {
    const asked: string[] = []
    const { eventStore, handler } = open(({ commandId }, principal) => {
      asked.push(`${commandId} of ${String(principal)}`)
      if (principal !== 'Ada') throw new ForbiddenError('Only Ada may.')
    })
    const prepared = await handler.prepare({ ...deposit, userId: 'ada' }, { principal: 'Ada' })
    assert.deepEqual(JSON.parse(JSON.stringify(prepared)), prepared)
    assert.deepEqual(prepared.command, {
      ...{ commandType: 'Deposit', data: { amount: 5 }, aggregateId: 'a-1', commandId: 'c-1' },
      ...{ correlationId: 'c-1', userId: 'ada' },
    })
    await errorOf(handler.prepare(deposit, { principal: 'Bob' }), 'forbidden')
    await errorOf(handler.prepare({ ...deposit, data: {} }, { principal: 'Ada' }), 'validation')
    assert.equal(await eventStore.headPosition(), 0)
    const { status, position } = await handler.handlePrepared(prepared)
    assert.deepEqual([status, position, asked], ['Accepted', 1, ['c-1 of Ada', 'c-1 of Bob']])
    const [stored] = await eventStore.loadEvents({ aggregateType: 'Account', aggregateId: 'a-1' })
    assert.deepEqual(stored?.metadata, {
      ...{ correlationId: 'c-1', causationId: 'c-1', commandId: 'c-1', userId: 'ada' },
    })
  })

  test('and the same command sent at once are one: whichever comes second gets the first acknowledgment', async () => {
    const { handler } = open()
    // Without an aggregate's id, both find the aggregate that the command makes.
    const opening: Command = { commandType: 'Open', data: { owner: 'Ada' }, commandId: 'c-2' }
    const prepared = await handler.prepare(opening)
    assert.equal(await handler.findFirst(prepared), undefined)
    const first = await handler.handle(opening)
    assert.deepEqual(await handler.handlePrepared(prepared), first)
    assert.deepEqual(await handler.findFirst(prepared), first)
    const other = await handler.prepare({ ...opening, data: { owner: 'Eve' } })
    await errorOf(handler.findFirst(other), 'command-id-reused')
    await errorOf(handler.handlePrepared(other), 'command-id-reused')
    const later = await handler.prepare(deposit)
    assert.deepEqual(await handler.handle(deposit), await handler.handlePrepared(later))
  })

  test('that is refused stays refused, for whoever sends it', async () => {
    const { handler } = open()
    const prepared = await handler.prepare(expecting)
    await errorOf(handler.handlePrepared(prepared), 'version-mismatch')
    const reason = { code: 'version-mismatch', message: 'Look again.' }
    const refused = await handler.refusePrepared(prepared, reason)
    assert.deepEqual([refused.status, refused.version, refused.reason], ['Rejected', 0, reason])
    assert.deepEqual(await handler.handlePrepared(prepared), refused)
    assert.deepEqual(await handler.handle(expecting), refused)
    const done = await handler.prepare({ ...deposit, commandId: 'c-3' })
    const { status } = await handler.handlePrepared(done)
    assert.equal((await handler.refusePrepared(done, reason)).status, status, 'what is done cannot be refused')
  })

  test('keeps its data when its sender changes it, and must be plain JSON', async () => {
    const { handler } = open()
    const data = { amount: 5 }
    const prepared = await handler.prepare({ ...deposit, data })
    data.amount = 7
    assert.deepEqual(prepared.command.data, { amount: 5 })
    const error = await errorOf(handler.prepare({ ...deposit, data: { amount: 5, on: new Date(0) } }), 'validation')
    const [issue] = (error as ValidationError).issues
    assert.match(issue?.message ?? '', /data at \/on must be plain JSON, got a Date/)
  })

  test('is refused when another aggregate defines it by now', async () => {
    const { handler, handlerOf } = open()
    const prepared = await handler.prepare(deposit)
    const wallet = defineAggregate('Wallet', {
      events: {},
      commands: { Deposit: accountDefinition.commands.Deposit as never },
      initialState: {},
      decide: { Deposit: () => [] },
      apply: {},
    })
    const later = handlerOf(wallet as never)
    await errorOf(later.refusePrepared(prepared, { code: 'x', message: 'X.' }), 'invalid-definition')
    const error = await errorOf(later.handlePrepared(prepared), 'invalid-definition')
    assert.match(error.message, /was sent to Account "a-1", and is defined by Wallet now/)
  })
})
