import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryProgressStore } from '../memory/memory-progress-store.ts'
import { account, appendDeposits, errorOf } from '../sample-account.test.ts'
import { ProcessorRunner } from './processor-runner.ts'
import type { ProcessorRunnerOptions } from './processor-runner-options.ts'
import type { ReactionContext } from './reaction.ts'
import { defineReaction } from './reaction.ts'
import { ReactionProcessor, type ReactionProcessorOptions } from './reaction-processor.ts'

type Letter = { readonly to: string; readonly amount: number; readonly position: number }

/** A reaction that writes letters, and what runs it. */
function open(
  send: (letter: Letter, context: ReactionContext) => void | Promise<void>,
  options: ReactionProcessorOptions & Pick<ProcessorRunnerOptions, 'startAt' | 'failures'> = {},
) {
  const { startAt, failures = { retryDelay: { firstMs: 0, mostMs: 0 } }, ...rest } = options
  const letters: Letter[] = []
  const reaction = defineReaction('DepositLetter', {
    from: [account],
    on: {
      Deposited: async ({ aggregateId, data, position }, context) => {
        const letter = { to: aggregateId, amount: data.amount, position }
        await send(letter, context)
        letters.push(letter)
      },
    },
  })
  const eventStore = new MemoryEventStore()
  const progressStore = new MemoryProgressStore()
  const processor = new ReactionProcessor(reaction, progressStore, rest)
  const runner = () =>
    new ProcessorRunner({ eventStore, processor, failures, ...(startAt === undefined ? undefined : { startAt }) })
  return { letters, eventStore, progressStore, processor, runner }
}

describe('a reaction', () => {
  test('handles each event once while nothing fails, and goes on where it stopped', async () => {
    const { letters, eventStore, runner, progressStore } = open(() => undefined)
    await appendDeposits(eventStore, 'a-1', 1, 2)
    const first = runner()
    await first.start()
    await first.drain()
    await first.stop()
    await appendDeposits(eventStore, 'a-1', 3)
    const second = runner()
    await second.start()
    await second.drain()
    await second.stop()
    assert.deepEqual(
      letters.map(({ amount }) => amount),
      [1, 2, 3],
    )
    assert.deepEqual((await progressStore.readProgress('DepositLetter'))?.seen.count, 3)
  })

  test('is told a key that stays the same from attempt to attempt', async () => {
    const keys: string[] = []
    const { letters, eventStore, runner } = open((_, { idempotencyKey }) => {
      keys.push(idempotencyKey)
      if (keys.length < 3) throw new Error('The post office is closed.')
    })
    const { events } = await appendDeposits(eventStore, 'a-1', 1)
    const one = runner()
    await one.start()
    while (letters.length === 0) await new Promise(setImmediate)
    await one.stop()
    assert.deepEqual(keys, Array(3).fill(`DepositLetter:${events[0]?.eventId}`))
  })

  test('parks what fails, with the events of that aggregate behind it, and handles all others', async () => {
    let isBroken = true
    const { letters, eventStore, runner, progressStore } = open(
      ({ to }) => {
        if (isBroken && to === 'a-1') throw new TypeError('No such address.')
      },
      { failures: { classify: () => 'permanent' }, concurrency: 4 },
    )
    for (const amount of [1, 2, 3]) for (const id of ['a-1', 'a-2', 'a-3']) await appendDeposits(eventStore, id, amount)
    const one = runner()
    await one.start()
    await one.drain()
    const sent = (id: string) => letters.filter(({ to }) => to === id).map(({ amount }) => amount)
    assert.deepEqual([sent('a-1'), sent('a-2'), sent('a-3')], [[], [1, 2, 3], [1, 2, 3]])
    const { sequences } = await progressStore.listDeadLetters('DepositLetter')
    assert.deepEqual(
      sequences.map(({ aggregateId, eventCount, attempts, failure }) => [
        aggregateId,
        eventCount,
        attempts,
        failure.name,
      ]),
      [['a-1', 3, 1, 'TypeError']],
    )
    isBroken = false
    await progressStore.retryDeadLetters('DepositLetter', {}, Date.now())
    one.wake()
    while (sent('a-1').length < 3) await new Promise(setImmediate)
    await one.stop()
    assert.deepEqual(sent('a-1'), [1, 2, 3])
    assert.equal((await progressStore.listDeadLetters('DepositLetter')).sequences.length, 0)
  })

  test('is told which events come again after a reset, and nothing else is called a replay', async () => {
    const told: (readonly [number, boolean])[] = []
    const { eventStore, runner, progressStore } = open(
      ({ position }, { isReplay }) => void told.push([position, isReplay]),
    )
    await appendDeposits(eventStore, 'a-1', 1, 2, 3)
    const first = runner()
    await first.start()
    await first.drain()
    await first.stop()
    await progressStore.moveProgress('DepositLetter', 1, Date.now())
    await appendDeposits(eventStore, 'a-1', 4)
    const second = runner()
    await second.start()
    await second.drain()
    await second.stop()
    assert.deepEqual(told.slice(3), [
      [2, true],
      [3, true],
      [4, false],
    ])
  })

  test('gives up a handler that hangs, and tells it so', async () => {
    const aborted = Promise.withResolvers<unknown>()
    const { eventStore, runner, progressStore } = open(
      (_, { signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => aborted.resolve(signal.reason))
        }),
      { handlerTimeoutMs: 5 },
    )
    await appendDeposits(eventStore, 'a-1', 1)
    const one = runner()
    await one.start()
    await one.drain()
    await one.stop()
    assert.match(String(await aborted.promise), /DepositLetter: the handler of Deposited at 1 was not done after 5 ms/)
    const { sequences } = await progressStore.listDeadLetters('DepositLetter')
    assert.deepEqual([sequences[0]?.state, sequences[0]?.failure.code], ['parked', 'handler-timeout'])
  })

  test('begins where it is told when it is new: at the beginning, now, or after a position', async () => {
    for (const [startAt, expected] of [
      ['beginning', [1, 2, 3, 4]],
      ['now', [4]],
      [2, [3, 4]],
    ] as const) {
      const { letters, eventStore, runner } = open(() => undefined, { startAt })
      await appendDeposits(eventStore, 'a-1', 1, 2, 3)
      const first = runner()
      await first.start()
      while (first.status.state !== 'running') await new Promise(setImmediate)
      await first.stop()
      await appendDeposits(eventStore, 'a-1', 4)
      const second = runner()
      await second.start()
      await second.drain()
      await second.stop()
      assert.deepEqual(
        letters.map(({ amount }) => amount),
        expected,
      )
    }
  })

  test('of another name, without handlers, or to events that nobody defines, is refused', async () => {
    await errorOf(async () => defineReaction('Two words', { from: [account], on: {} }), 'invalid-definition')
    await errorOf(async () => defineReaction('Empty', { from: [account], on: {} }), 'invalid-definition')
    const on = { Closed: () => undefined } as object
    await errorOf(async () => defineReaction('Unknown', { from: [account], on }), 'invalid-definition')
  })
})
