import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { withHooks } from '../sample-account.test.ts'
import { processorName, scene } from './sample-runner.test.ts'

const fails = (): never => assert.fail('poison')
const failures = { maxAttempts: 3, retryDelay: { firstMs: 100, mostMs: 10_000 } }

describe('an event that cannot be processed', () => {
  test('is tried again by itself with growing waits, then parked with its error, and all other aggregates go on', async () => {
    const { newRunner, deposit, views, clock, poison, held, progressStore, told } = scene()
    await deposit('good')
    await deposit('bad', 2)
    await deposit('good')
    poison.set(3, fails)
    const runner = newRunner({ failures })
    await runner.start()
    await clock.pass(0)
    assert.deepEqual(await held(), [['bad', 'retrying', 3, 3, 1, 1, 'poison']])
    assert.deepEqual(await views(), { good: [1, 4], bad: [2] })
    await deposit('bad')
    await deposit('good')
    await clock.pass(99)
    assert.deepEqual(await held(), [['bad', 'retrying', 3, 5, 2, 1, 'poison']], 'later events wait behind it')
    await clock.pass(1)
    assert.deepEqual(await held(), [['bad', 'retrying', 3, 5, 2, 2, 'poison']])
    await clock.pass(200)
    assert.deepEqual(await held(), [['bad', 'parked', 3, 5, 2, 3, 'poison']])
    await clock.pass(100_000)
    await deposit('good')
    await clock.pass(0)
    assert.deepEqual(await held(), [['bad', 'parked', 3, 5, 2, 3, 'poison']], 'it is left alone')
    assert.deepEqual(await views(), { good: [1, 4, 6, 7], bad: [2] })
    const [sequence] = (await progressStore.listDeadLetters(processorName)).sequences
    assert.match(sequence?.failure.stack ?? '', /poison[\s\S]*at /)
    assert.equal(sequence?.failure.eventType, 'Deposited')
    const { state, position, heldSequences, failures: stops, failedAttempts } = runner.status
    assert.deepEqual([state, position, heldSequences, stops, failedAttempts], ['running', 7, 1, 0, 3])
    assert.deepEqual(told, ['poison', 'poison', 'poison'])
    await runner.stop()
  })

  test('catches up by itself, in order, when it passes', async () => {
    const { newRunner, deposit, views, clock, poison, held } = scene()
    await deposit('bad', 5)
    poison.set(2, fails)
    const runner = newRunner({ failures, batchSize: 2 })
    await runner.start()
    await clock.pass(0)
    await deposit('bad', 3)
    poison.clear()
    await clock.pass(100)
    assert.deepEqual([await views(), await held()], [{ bad: [1, 2, 3, 4, 5, 6, 7, 8] }, []])
    assert.equal(runner.status.lastError, undefined)
    await runner.stop()
  })

  test('is parked at once when it hangs, or cannot be decoded', async () => {
    const { newRunner, deposit, views, clock, poison, held, eventStore } = scene()
    await deposit('slow', 2)
    const future = { eventType: 'Deposited', eventData: { amount: 1 }, schemaVersion: 7 }
    await eventStore.appendEvents({ aggregateType: 'Account', aggregateId: 'new' }, [future], { expectedVersion: 0 })
    await deposit('good')
    poison.set(1, () => new Promise(() => undefined))
    const runner = newRunner({ failures, handlerTimeoutMs: 5000 })
    await runner.start()
    await clock.pass(5000)
    const parked = (await held()).map(([aggregateId, state, , , count]) => [aggregateId, state, count])
    assert.deepEqual(parked, [
      ['slow', 'parked', 2],
      ['new', 'parked', 1],
    ])
    assert.deepEqual(await views(), { good: [4] })
    await runner.stop()
  })

  test('stops the processor only when too many aggregates fail, and no longer than that', async () => {
    const { newRunner, deposit, views, clock, poison, told } = scene()
    for (let index = 1; index <= 4; index++) await deposit(`a-${index}`)
    for (let index = 1; index <= 3; index++) poison.set(index, fails)
    const runner = newRunner({ failures, mostHeldSequences: 2, batchSize: 1 })
    await runner.start()
    await clock.pass(10_000)
    assert.deepEqual([runner.status.state, await views()], ['retrying', {}])
    assert.match(told.at(-1) ?? '', /holds back the events of 2 aggregates/)
    poison.clear()
    await clock.pass(10_000)
    assert.deepEqual([runner.status.state, Object.keys(await views())], ['running', ['a-3', 'a-4']])
    await runner.stop()
  })

  test('is told as it is when it is gone from the event store', async () => {
    const memory = new MemoryEventStore()
    const eventStore = withHooks<EventStore>(memory, { loadEvents: async () => [] })
    const { newRunner, deposit, clock, poison, told } = scene(eventStore)
    await deposit('bad')
    poison.set(1, fails)
    const runner = newRunner({ failures })
    await runner.start()
    await clock.pass(100)
    assert.match(told.at(-1) ?? '', /events 1 to 1 of Account "bad" are held back and are not in the event store/)
    await runner.stop()
  })
})

describe('a parked sequence', () => {
  /** Events 2 to 5 of one aggregate are parked, and the runner runs. */
  async function parked() {
    const all = scene()
    await all.deposit('bad', 5)
    all.poison.set(2, fails)
    const runner = all.newRunner({ failures: { ...failures, maxAttempts: 1 }, batchSize: 2 })
    await runner.start()
    await all.clock.pass(0)
    assert.deepEqual(await all.held(), [['bad', 'parked', 2, 5, 4, 1, 'poison']])
    return { ...all, runner }
  }

  test('that is retried catches up to live without a gap or an overtaking, while events keep coming', async () => {
    const { runner, poison, progressStore, clock, deposit, views, held } = await parked()
    poison.clear()
    const now = clock.now()
    assert.equal(await progressStore.retryDeadLetters(processorName, { state: 'parked' }, now), 1)
    runner.wake()
    for (let round = 0; round < 20; round++) {
      await deposit('bad')
      if (round % 3 === 0) await clock.pass(0)
    }
    await clock.pass(0)
    assert.deepEqual(await views(), { bad: Array.from({ length: 25 }, (_, index) => index + 1) })
    assert.deepEqual(await held(), [])
    await runner.stop()
  })

  test('that is retried and fails further on is parked there', async () => {
    const { runner, poison, progressStore, clock, views, held } = await parked()
    poison.clear()
    poison.set(4, fails)
    await progressStore.retryDeadLetters(processorName, {}, clock.now())
    runner.wake()
    await clock.pass(0)
    assert.deepEqual([await views(), await held()], [{ bad: [1, 2, 3] }, [['bad', 'parked', 4, 5, 2, 1, 'poison']]])
    await runner.stop()
  })

  test('that is retried is noticed without a wake-up too', async () => {
    const { runner, poison, progressStore, clock, views } = await parked()
    poison.clear()
    await progressStore.retryDeadLetters(processorName, {}, clock.now())
    await clock.pass(10_000)
    assert.deepEqual(await views(), { bad: [1, 2, 3, 4, 5] })
    await runner.stop()
  })

  test('that is discarded is left out, and what comes later is processed', async () => {
    const { runner, progressStore, clock, deposit, views, held } = await parked()
    await progressStore.discardDeadLetters(processorName, {}, { reason: 'it is wrong', now: clock.now() })
    await deposit('bad')
    await clock.pass(10_000)
    assert.deepEqual([await views(), await held()], [{ bad: [1, 6] }, []])
    const [record] = await progressStore.listDiscarded(processorName)
    assert.deepEqual([record?.reason, record?.fromPosition, record?.toPosition], ['it is wrong', 2, 5])
    await runner.stop()
  })

  test('goes on behind its first event when that one alone is discarded', async () => {
    const { runner, progressStore, clock, deposit, views, held } = await parked()
    await deposit('bad')
    const discard = { reason: 'it is wrong', isFirstOnly: true, now: clock.now() }
    assert.equal(await progressStore.discardDeadLetters(processorName, {}, discard), 1)
    assert.equal(
      await progressStore.discardDeadLetters(processorName, {}, discard),
      0,
      'the next one was not tried yet',
    )
    runner.wake()
    await clock.pass(0)
    assert.deepEqual([await views(), await held()], [{ bad: [1, 3, 4, 5, 6] }, []])
    await runner.stop()
  })

  test('is known to the next runner', async () => {
    const { runner, poison, progressStore, newRunner, deposit, clock, views } = await parked()
    await runner.stop()
    const next = newRunner()
    await next.start()
    await deposit('bad')
    await clock.pass(0)
    assert.deepEqual(await views(), { bad: [1] })
    poison.clear()
    await progressStore.retryDeadLetters(processorName, {}, clock.now())
    next.wake()
    await clock.pass(0)
    assert.deepEqual(await views(), { bad: [1, 2, 3, 4, 5, 6] })
    await next.stop()
  })
})
