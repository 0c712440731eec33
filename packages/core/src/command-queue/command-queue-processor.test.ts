import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { StoreUnavailableError } from '../errors/store-errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { accountDefinition, errorOf, settle, withHooks } from '../sample-account.test.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import { queuedCommandRef } from './queued-command.ts'
import { deposit, depositsOf, openQueue, queue, waitMs } from './sample-queue.test.ts'

const finish = 'CommandFinished'

/** What comes to pass at each append, in turn: nothing, a wait of some turns, or a failure of the store. */
type Happening = number | 'fail'

/** A store whose appends of executed commands and their notes wait and fail as told. */
function shaken(memory: EventStore, happenings: readonly Happening[]): EventStore {
  let next = 0
  return withHooks(memory, {
    async appendEvents(aggregate, events, options) {
      const happening = events[0]?.eventType === 'CommandQueued' ? 0 : (happenings[next++] ?? 0)
      if (happening === 'fail') throw new StoreUnavailableError('The store does not answer.')
      for (let turn = 0; turn < happening; turn++) await new Promise(setImmediate)
      return memory.appendEvents(aggregate, events, options)
    },
  })
}

/** The account with a single command, whose decision is what a test says. */
function deciding(decide: () => never): AggregateDefinition {
  const { Deposit } = accountDefinition.commands
  return { ...accountDefinition, commands: { Deposit: Deposit as never }, decide }
}

describe('queued commands', () => {
  test('are executed once each, in order for each aggregate, however the store fails and whoever restarts', async () => {
    const sent = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 25 })
    const happening = fc.oneof<[fc.Arbitrary<Happening>, fc.Arbitrary<Happening>]>(
      fc.nat(3),
      fc.constant('fail' as const),
    )
    const property = fc.asyncProperty(
      sent,
      fc.array(happening, { maxLength: 40 }),
      fc.constantFrom(1, 2, 64),
      fc.constantFrom(1, 3, 1000),
      async (targets, happenings, concurrency, batchSize) => {
        const { eventStore, newApplication } = openQueue()
        const options = { commandQueue: { concurrency }, processors: { batchSize } }
        const first = newApplication(options, shaken(eventStore, happenings))
        await first.start()
        for (const [index, target] of targets.entries()) {
          await queue(first, deposit(`c-${index}`, index + 1, target))
          if (index === Math.floor(targets.length / 2)) await settle()
        }
        await first.stop()
        await using second = newApplication(options, shaken(eventStore, happenings.toReversed()))
        await second.start()
        const finals = await Promise.all(targets.map((_, index) => second.acknowledgmentOf(`c-${index}`, { waitMs })))
        assert.ok(finals.every(({ status }) => status === 'Accepted'))
        for (const target of ['a', 'b', 'c', 'd']) {
          const expected = targets.flatMap((one, index) => (one === target ? [index + 1] : []))
          assert.deepEqual(await depositsOf(eventStore, target), expected)
        }
        await second.processing.drain('CommandQueue')
        const [overview] = await second.processing.list()
        assert.deepEqual(overview?.deadLetters, { retryingSequences: 0, parkedSequences: 0, events: 0 })
        const { events } = await eventStore.readEvents({ limit: 10_000 })
        assert.equal(events.filter(({ eventType }) => eventType === finish).length, targets.length)
      },
    )
    // A failure prints its seed.
    await fc.assert(property, { numRuns: 60 })
  })

  test('to different aggregates are executed side by side, not more at once than told', async () => {
    const { eventStore, newApplication } = openQueue()
    let [running, most] = [0, 0]
    const counting = withHooks<EventStore>(eventStore, {
      async appendEvents(aggregate, events, options) {
        if (aggregate.aggregateType !== 'Account') return eventStore.appendEvents(aggregate, events, options)
        most = Math.max(most, ++running)
        await settle()
        running--
        return eventStore.appendEvents(aggregate, events, options)
      },
    })
    await using application = newApplication({ commandQueue: { concurrency: 4 } }, counting)
    for (let index = 0; index < 12; index++) await queue(application, deposit(`c-${index}`, 1, `a-${index % 6}`))
    await application.start()
    await application.acknowledgmentOf('c-11', { waitMs })
    assert.equal(most, 4)
  })

  test('are Rejected by business rules, and by errors that no waiting mends; the id stays so everywhere', async () => {
    const { newApplication } = openQueue()
    const told: unknown[] = []
    await using application = newApplication({ commandQueue: { onError: (error) => told.push(error) } })
    const withdraw = { ...deposit('c-1', 5), commandType: 'Withdraw' }
    const outdated = deposit('c-2', 5, 'a-1', { expectedVersion: 7 })
    for (const command of [withdraw, outdated, deposit('c-3', 5)]) await queue(application, command)
    await application.start()
    const [overdrawn, mismatch, accepted] = await Promise.all(
      ['c-1', 'c-2', 'c-3'].map((id) => application.acknowledgmentOf(id, { waitMs })),
    )
    assert.deepEqual([overdrawn?.status, overdrawn?.reason?.code], ['Rejected', 'overdrawn'])
    assert.deepEqual([mismatch?.status, mismatch?.reason?.code], ['Rejected', 'version-mismatch'])
    assert.match(mismatch?.reason?.message ?? '', /expects version 7, the aggregate has version 0/)
    assert.equal(accepted?.status, 'Accepted')
    assert.deepEqual(await application.dispatch(withdraw), overdrawn)
    assert.deepEqual(await application.dispatch(outdated), mismatch)
    assert.deepEqual(told, [], 'their senders alone need to know')
  })

  test('that fail unexpectedly are tried a few times, then Rejected without the cause; others go on', async () => {
    const { newApplication } = openQueue()
    const told: unknown[] = []
    let tries = 0
    const secret = new TypeError('a secret')
    const fails = deciding(() => {
      tries++
      throw secret
    })
    await using application = newApplication({
      aggregates: [fails],
      commandQueue: { onError: (error) => told.push(error) },
    })
    await application.start()
    await queue(application, deposit('c-1', 5))
    const { status, reason } = await application.acknowledgmentOf('c-1', { waitMs })
    assert.deepEqual([status, reason?.code, tries, told], ['Rejected', 'internal', 3, [secret]])
    assert.doesNotMatch(reason?.message ?? '', /secret/)
    assert.equal((await application.dispatch(deposit('c-1', 5))).status, 'Rejected')
  })

  test('to an aggregate that cannot be read, or of a type that is gone, are Rejected and told of', async () => {
    const { eventStore, newApplication } = openQueue()
    await eventStore.appendEvents(
      { aggregateType: 'Account', aggregateId: 'broken' },
      [{ eventType: 'Deposited', eventData: { amount: 1 }, schemaVersion: 9 }],
      { expectedVersion: 0 },
    )
    const told: string[] = []
    const onError = (error: unknown) => told.push((error as { code: string }).code)
    await using queueing = newApplication()
    await queue(queueing, deposit('c-1', 5, 'broken'))
    await queue(queueing, { commandType: 'Open', data: { owner: 'Ada' }, commandId: 'c-2' })
    const withoutOpen = deciding(() => assert.fail('The aggregate is loaded first.'))
    await using working = newApplication({ aggregates: [withoutOpen], commandQueue: { onError } })
    await working.start()
    const broken = await working.acknowledgmentOf('c-1', { waitMs })
    const gone = await working.acknowledgmentOf('c-2', { waitMs })
    assert.deepEqual([broken.status, broken.reason?.code], ['Rejected', 'undecodable-event'])
    assert.deepEqual([gone.status, gone.reason?.code], ['Rejected', 'unknown-command'])
    assert.deepEqual(told.sort(), ['undecodable-event', 'unknown-command'])
  })

  test('wait when the store fails: none is rejected, none overtakes, and the runner tells of it', async () => {
    const { eventStore, newApplication } = openQueue()
    const told: string[] = []
    let isDown = true
    const failing = withHooks<EventStore>(eventStore, {
      async appendEvents(aggregate, events, options) {
        if (isDown && aggregate.aggregateType === 'Account') throw new StoreUnavailableError('Down.')
        return eventStore.appendEvents(aggregate, events, options)
      },
    })
    const onError = (error: unknown) => told.push((error as Error).message)
    const processors = { onError, failures: { retryDelay: { firstMs: 1, mostMs: 2 } } }
    await using application = newApplication({ processors }, failing)
    await application.start()
    for (let index = 0; index < 5; index++) await queue(application, deposit(`c-${index}`, index + 1))
    while (told.length < 3) await settle()
    assert.equal((await application.acknowledgmentOf('c-0')).status, 'Pending')
    isDown = false
    await application.acknowledgmentOf('c-4', { waitMs })
    assert.deepEqual(await depositsOf(eventStore), [1, 2, 3, 4, 5])
    assert.deepEqual([...new Set(told)], ['Down.'])
  })

  test('are executed once when the process ends before that is noted', async () => {
    const { eventStore, newApplication } = openQueue()
    const forgetful = withHooks<EventStore>(eventStore, {
      async appendEvents(aggregate, events, options) {
        if (events[0]?.eventType === finish) throw new StoreUnavailableError('It ended here.')
        return eventStore.appendEvents(aggregate, events, options)
      },
    })
    const first = newApplication({}, forgetful)
    await first.start()
    for (const id of ['c-1', 'c-2']) await queue(first, deposit(id, 5, id))
    while ((await depositsOf(eventStore, 'c-1')).length === 0) await settle()
    await first.stop()
    assert.equal((await newApplication().acknowledgmentOf('c-1')).status, 'Pending')
    await using second = newApplication()
    await second.start()
    for (const id of ['c-1', 'c-2']) {
      const { status, version } = await second.acknowledgmentOf(id, { waitMs })
      assert.deepEqual([status, version, await depositsOf(eventStore, id)], ['Accepted', 1, [5]])
    }
  })

  test('are found again when the views and all checkpoints are gone, and those that are done are not repeated', async () => {
    const { eventStore, newApplication } = openQueue()
    const first = newApplication()
    await first.start()
    for (let index = 0; index < 5; index++) await queue(first, deposit(`c-${index}`, index + 1))
    await first.acknowledgmentOf('c-4', { waitMs })
    await first.stop()
    await queue(first, deposit('c-5', 6))
    await first.stop()
    const head = await eventStore.headPosition()
    await using second = openQueue(eventStore).newApplication()
    await second.start()
    assert.ok(second.commandQueue.status.depth <= 1)
    await second.acknowledgmentOf('c-5', { waitMs })
    assert.deepEqual(await depositsOf(eventStore), [1, 2, 3, 4, 5, 6])
    assert.equal(await eventStore.headPosition(), head + 2)
  })

  test('that somebody else has written by hand are parked when they hold no command; others go on', async () => {
    const memory = new MemoryEventStore()
    const { newApplication } = openQueue(memory)
    await using application = newApplication()
    const forged = [{ eventType: 'CommandQueued', eventData: { command: 'Deposit' } }]
    await memory.appendEvents(queuedCommandRef('forged'), forged, { expectedVersion: 0 })
    await queue(application, deposit('c-1', 5))
    await application.start()
    assert.equal((await application.acknowledgmentOf('c-1', { waitMs })).status, 'Accepted')
    await application.processing.drain('CommandQueue')
    const [overview] = await application.processing.list()
    assert.equal(overview?.deadLetters.parkedSequences, 1)
    await errorOf(application.acknowledgmentOf('forged'), 'undecodable-event')
  })
})
