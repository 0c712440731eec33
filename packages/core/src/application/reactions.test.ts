import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ValidationError } from '../errors/input-errors.ts'
import { defineReaction } from '../event-processing/reaction.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { balances } from '../read-side/sample-balances.test.ts'
import { a1, account, accountDefinition, appendDeposits, errorOf } from '../sample-account.test.ts'
import { Application } from './application.ts'

function open(viewStore = new MemoryViewStore(), projection = balances) {
  const told: (readonly [amount: number, isReplay: boolean])[] = []
  const letter = defineReaction('DepositLetter', {
    from: [account],
    on: { Deposited: ({ data }, { isReplay }) => void told.push([data.amount, isReplay]) },
  })
  const eventStore = new MemoryEventStore()
  const application = new Application({
    eventStore,
    viewStore,
    aggregates: [accountDefinition],
    projections: [projection as ProjectionDefinition],
    reactions: [letter],
  })
  const drained = async () => {
    for (const name of application.processing.processorNames) await application.processing.drain(name)
  }
  return { application, eventStore, viewStore, told, drained }
}

describe('the reactions of an application', () => {
  test('begin with what comes, and run beside its projections', async () => {
    const { application, eventStore, told, drained } = open()
    await using _ = application
    await appendDeposits(eventStore, 'a-1', 1)
    await application.start()
    await application.dispatch(account.command('Deposit', { amount: 2 }, { aggregateId: a1 }))
    await drained()
    assert.deepEqual(told, [[2, false]])
    const names = application.processors.map(({ processorName }) => processorName)
    assert.deepEqual(names, ['BalanceView@1', 'DepositLetter'])
  })

  test('that are beyond the newest event, as after a restored backup, say what to do, which then helps', async () => {
    const { viewStore, ...before } = open()
    await before.application.start()
    await appendDeposits(before.eventStore, 'a-1', 1, 2)
    await before.drained()
    await before.application.stop()
    const sameView = await errorOf(open(viewStore).application.start(), 'checkpoint-ahead')
    assert.match(sameView.message, /BalanceView@1 .* raise the version of a view's projection/)
    const { application, eventStore, told, drained } = open(viewStore, { ...balances, version: 2 })
    await using _ = application
    const { message } = await errorOf(application.start(), 'checkpoint-ahead')
    assert.match(message, /DepositLetter has processed position 2, but the event store ends at 0.* reset a reaction/)
    assert.match(message, /Delete no store that knows how far reactions are/)
    const here = { position: 0, confirm: 'DepositLetter', mayRepeatEffects: true } as const
    await application.reactions.reset('DepositLetter', here)
    await application.start()
    await appendDeposits(eventStore, 'a-1', 3)
    await drained()
    assert.deepEqual(told, [[3, true]])
  })

  test('are only reset by someone who says so twice, and are told what comes again', async () => {
    const { application, eventStore, told, drained } = open()
    await using _ = application
    await application.start()
    await appendDeposits(eventStore, 'a-1', 1, 2)
    await drained()
    const { reactions } = application
    const beyond = { position: 3, confirm: 'DepositLetter', mayRepeatEffects: true } as const
    const tooFar = (await errorOf(reactions.reset('DepositLetter', beyond), 'validation')) as ValidationError
    assert.deepEqual(tooFar.issues, [{ pointer: '/position', message: 'must be 2 at most, the newest event' }])
    const wrong = { position: 0, confirm: 'Letter', mayRepeatEffects: false as never }
    const error = (await errorOf(reactions.reset('DepositLetter', wrong), 'validation')) as ValidationError
    assert.deepEqual(
      error.issues.map(({ pointer }) => pointer),
      ['/confirm', '/mayRepeatEffects'],
    )
    await errorOf(
      reactions.reset('BalanceView@1', { ...wrong, confirm: 'BalanceView@1', mayRepeatEffects: true }),
      'unknown-processor',
    )
    await reactions.reset('DepositLetter', { position: 1, confirm: 'DepositLetter', mayRepeatEffects: true })
    await appendDeposits(eventStore, 'a-1', 3)
    await drained()
    assert.deepEqual(told, [
      [1, false],
      [2, false],
      [2, true],
      [3, false],
    ])
  })

  test('that give up because the application stops have not failed: their events come again', async () => {
    const begun = Promise.withResolvers<void>()
    const told: number[] = []
    let isPatient = true
    const letter = defineReaction('DepositLetter', {
      from: [account],
      startAt: 'beginning',
      on: {
        Deposited: async ({ position }, { signal }) => {
          if (isPatient) {
            begun.resolve()
            await new Promise((_, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason), { once: true })
            })
          }
          told.push(position)
        },
      },
    })
    const [eventStore, viewStore] = [new MemoryEventStore(), new MemoryViewStore()]
    await appendDeposits(eventStore, 'a-1', 1, 2)
    await appendDeposits(eventStore, 'a-2', 3)
    const failed: unknown[] = []
    const newApplication = () =>
      new Application({
        eventStore,
        viewStore,
        aggregates: [accountDefinition],
        reactions: [letter],
        processors: { failures: { maxAttempts: 1 }, onError: (error) => void failed.push(error) },
      })
    const stopped = newApplication()
    await stopped.start()
    await begun.promise
    await stopped.stop()
    isPatient = false
    await using next = newApplication()
    await next.start()
    await next.processing.drain('DepositLetter')
    assert.deepEqual([told, failed, next.processors[0]?.heldSequences], [[1, 2, 3], [], 0])
  })
})
