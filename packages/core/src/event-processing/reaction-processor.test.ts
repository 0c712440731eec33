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

describe('a reaction that is stopped', () => {
  /** Handlers of these positions wait until they are released. */
  function gates(...positions: readonly number[]) {
    const all = new Map(positions.map((position) => [position, Promise.withResolvers<void>()]))
    const entered: number[] = []
    const send = async ({ position }: Letter): Promise<void> => {
      entered.push(position)
      await all.get(position)?.promise
    }
    const waits = async (position: number) => {
      while (!entered.includes(position)) await new Promise(setImmediate)
    }
    const release = () => {
      for (const { resolve } of all.values()) resolve()
    }
    return { send, waits, release }
  }
  const positionsOf = (letters: readonly Letter[]) => letters.map(({ position }) => position).sort()

  test('ends after the handler in progress: what is handled is saved, the rest comes later, and nothing twice', async () => {
    const { send, waits, release } = gates(2)
    const { letters, eventStore, runner, progressStore } = open(send)
    for (const id of ['a-1', 'a-2', 'a-1', 'a-3', 'a-1']) await appendDeposits(eventStore, id, 1)
    const first = runner()
    await first.start()
    await waits(2)
    const stopping = first.stop()
    release()
    await stopping
    const { position, seen } = (await progressStore.readProgress('DepositLetter')) ?? {}
    assert.deepEqual([positionsOf(letters), position, seen?.count], [[1, 2], 2, 2])
    const second = runner()
    await second.start()
    await second.drain()
    await second.stop()
    assert.deepEqual(positionsOf(letters), [1, 2, 3, 4, 5])
    assert.deepEqual((await progressStore.readProgress('DepositLetter'))?.seen.count, 5)
  })

  test('handles what later events have overtaken, and begins nothing beyond', async () => {
    const { send, waits, release } = gates(1, 5)
    const { letters, eventStore, runner, progressStore } = open(send, { concurrency: 2 })
    for (const id of ['a-1', 'a-1', 'a-2', 'a-3', 'a-4', 'a-5', 'a-1']) await appendDeposits(eventStore, id, 1)
    const first = runner()
    await first.start()
    await waits(5)
    const stopping = first.stop()
    release()
    await stopping
    assert.deepEqual(
      [positionsOf(letters), (await progressStore.readProgress('DepositLetter'))?.position],
      [[1, 2, 3, 4, 5], 5],
    )
    const second = runner()
    await second.start()
    await second.drain()
    await second.stop()
    assert.deepEqual(positionsOf(letters), [1, 2, 3, 4, 5, 6, 7])
  })

  test('keeps what it has handled of an aggregate that it tries again', async () => {
    let isBroken = true
    const { send, waits, release } = gates(3)
    const { letters, eventStore, runner, progressStore } = open(
      (letter) => (isBroken ? assert.fail('No such address.') : send(letter)),
      { failures: { maxAttempts: 1 } },
    )
    await appendDeposits(eventStore, 'a-1', 1, 1, 1, 1)
    const first = runner()
    await first.start()
    await first.drain()
    isBroken = false
    await progressStore.retryDeadLetters('DepositLetter', {}, Date.now())
    first.wake()
    await waits(3)
    const stopping = first.stop()
    release()
    await stopping
    const [held] = (await progressStore.listDeadLetters('DepositLetter')).sequences
    assert.deepEqual([positionsOf(letters), held?.fromSequence, held?.eventCount], [[1, 2, 3], 4, 1])
    const second = runner()
    await second.start()
    while (letters.length < 4) await new Promise(setImmediate)
    await second.stop()
    assert.deepEqual(
      [positionsOf(letters), (await progressStore.listDeadLetters('DepositLetter')).sequences],
      [[1, 2, 3, 4], []],
    )
  })
})
