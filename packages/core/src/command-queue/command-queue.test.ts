import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommandQueueFullError } from '../errors/command-queue-errors.ts'
import { ForbiddenError } from '../errors/input-errors.ts'
import { appendDeposits, errorOf, settle } from '../sample-account.test.ts'
import { defineAggregate } from '../write-side/aggregate.ts'
import type { Command } from '../write-side/command.ts'
import { deposit, depositsOf, openQueue, queue, waitMs } from './sample-queue.test.ts'

describe('a queued command', () => {
  test('is Pending once it is durable, and has its final acknowledgment when it is done', async () => {
    const { newApplication, eventStore } = openQueue()
    await using application = newApplication()
    const command = deposit('c-1', 5, 'a-1', { userId: 'ada', sessionId: 's-1', correlationId: 'k-1' })
    const pending = await queue(application, command)
    const { timestamp } = pending
    assert.deepEqual(pending, {
      ...{ status: 'Pending', aggregateId: 'a-1', version: 0, position: 0, timestamp, commandId: 'c-1' },
    })
    assert.deepEqual(await application.acknowledgmentOf('c-1'), pending)
    assert.deepEqual(await depositsOf(eventStore), [], 'it was not started: nothing is executed')
    await application.start()
    const final = await application.acknowledgmentOf('c-1', { waitMs })
    assert.deepEqual([final.status, final.version, final.position], ['Accepted', 1, 2])
    assert.deepEqual(await application.acknowledgmentOf('c-1'), final)
    const { state } = await application.stateAt('QueuedCommand', 'c-1')
    assert.deepEqual([(state as { status: string }).status, (await depositsOf(eventStore)).length], ['Accepted', 1])
    const events = await eventStore.readEvents({ correlationId: 'k-1' })
    const by = { correlationId: 'k-1', causationId: 'c-1' }
    const sender = { commandId: 'c-1', userId: 'ada', sessionId: 's-1' }
    assert.deepEqual(
      events.events.map(({ eventType, metadata }) => [eventType, metadata]),
      [
        ['CommandQueued', { ...by, ...sender }],
        ['Deposited', { ...by, ...sender }],
        ['CommandFinished', by],
      ],
    )
  })

  test('has its ids made when its sender gives none, and keeps them', async () => {
    const { newApplication, eventStore } = openQueue()
    await using application = newApplication()
    await application.start()
    const { commandId, aggregateId } = await queue(application, { commandType: 'Open', data: { owner: 'Ada' } })
    const final = await application.acknowledgmentOf(commandId, { waitMs })
    assert.deepEqual([final.status, final.aggregateId], ['Accepted', aggregateId])
    assert.equal((await eventStore.loadEvents({ aggregateType: 'Account', aggregateId })).length, 1)
  })

  test('sent again gets the same Pending, then the same final acknowledgment; with other content it is refused', async () => {
    const { newApplication, eventStore } = openQueue()
    await using application = newApplication()
    const command: Command = { commandType: 'Open', data: { owner: 'Ada' }, commandId: 'c-1' }
    const pending = await queue(application, command)
    assert.deepEqual(await Promise.all([queue(application, command), queue(application, command)]), [pending, pending])
    await errorOf(queue(application, { ...command, data: { owner: 'Eve' } }), 'command-id-reused')
    await errorOf(queue(application, deposit('c-1', 5)), 'command-id-reused')
    await application.start()
    const final = await application.acknowledgmentOf('c-1', { waitMs })
    assert.deepEqual(await queue(application, command), final)
    assert.deepEqual(await application.dispatch(command), final, 'executed at once, it is a repeat too')
    assert.equal(await eventStore.headPosition(), 3)
  })

  test('that was executed at once before gets its first acknowledgment, and is not queued', async () => {
    const { newApplication, eventStore } = openQueue()
    await using application = newApplication()
    const withdraw: Command = { ...deposit('c-1', 5), commandType: 'Withdraw' }
    for (const command of [withdraw, deposit('c-2', 5)]) {
      const first = await application.dispatch(command)
      assert.deepEqual(await queue(application, command), first)
    }
    await errorOf(queue(application, deposit('c-2', 6)), 'command-id-reused')
    assert.equal(await eventStore.headPosition(), 1)
    await errorOf(application.acknowledgmentOf('c-2'), 'unknown-command-id')
  })

  test('that is executed at once while it waits is executed once', async () => {
    const { newApplication, eventStore } = openQueue()
    await using application = newApplication()
    await queue(application, deposit('c-1', 5))
    const first = await application.dispatch(deposit('c-1', 5))
    await application.start()
    assert.deepEqual(await application.acknowledgmentOf('c-1', { waitMs }), first)
    assert.deepEqual(await depositsOf(eventStore), [5])
  })

  test('is validated and authorized when it is queued, and not again', async () => {
    const { newApplication } = openQueue()
    const asked: unknown[] = []
    let isAllowed = true
    await using application = newApplication({
      authorize: (_, principal) => {
        asked.push(principal)
        if (!isAllowed) throw new ForbiddenError('No longer.')
      },
    })
    await application.dispatch(deposit('c-1', 5), { mode: 'async', principal: 'Ada' })
    isAllowed = false
    await errorOf(queue(application, deposit('c-2', 5)), 'forbidden')
    await errorOf(queue(application, deposit('c-3', 5, 'a-1', { data: {} })), 'validation')
    await errorOf(queue(application, { commandType: 'Close', data: {} }), 'unknown-command')
    await application.start()
    assert.equal((await application.acknowledgmentOf('c-1', { waitMs })).status, 'Accepted')
    assert.deepEqual(asked, ['Ada', undefined])
    for (const id of ['c-2', 'c-3']) await errorOf(application.acknowledgmentOf(id), 'unknown-command-id')
  })

  test('is not taken when its sender has given up', async () => {
    const { newApplication, eventStore } = openQueue()
    const signal = AbortSignal.abort(new Error('given up'))
    const taking = newApplication().dispatch(deposit('c-1', 5), { mode: 'async', signal })
    await assert.rejects(taking, { message: 'given up' })
    assert.equal(await eventStore.headPosition(), 0)
  })
})

describe('whoever waits for an acknowledgment', () => {
  test('is woken by another process that executes the command', async () => {
    const { newApplication } = openQueue()
    await using asking = newApplication()
    await using working = newApplication()
    await queue(asking, deposit('c-1', 5))
    const waiting = [asking, working, asking].map((one) => one.acknowledgmentOf('c-1', { waitMs }))
    await working.start()
    for (const final of await Promise.all(waiting)) assert.equal(final.status, 'Accepted')
  })

  test('is told Pending when it is not done in time, and when the application stops', async () => {
    const { newApplication } = openQueue()
    const application = newApplication()
    const pending = await queue(application, deposit('c-1', 5))
    assert.deepEqual(await application.acknowledgmentOf('c-1', { waitMs: 5 }), pending)
    const waiting = application.acknowledgmentOf('c-1', { waitMs })
    await settle()
    await application.stop()
    assert.deepEqual(await waiting, pending)
  })

  test('may give up', async () => {
    const { newApplication } = openQueue()
    await using application = newApplication()
    await queue(application, deposit('c-1', 5))
    const leaving = new AbortController()
    const waiting = application.acknowledgmentOf('c-1', { waitMs, signal: leaving.signal })
    await settle()
    leaving.abort(new Error('left'))
    await assert.rejects(waiting, { message: 'left' })
    await assert.rejects(application.acknowledgmentOf('c-1', { signal: leaving.signal }), { message: 'left' })
  })

  test('is told what is wrong', async () => {
    const { newApplication } = openQueue()
    await using application = newApplication()
    const error = await errorOf(application.acknowledgmentOf('c-9', { waitMs }), 'unknown-command-id')
    assert.match(error.message, /^No command was queued under the id "c-9"\. Only commands that were answered Pending/)
    for (const wrong of [-1, 1.5, Number.POSITIVE_INFINITY, '5' as never]) {
      await errorOf(application.acknowledgmentOf('c-1', { waitMs: wrong }), 'invalid-option')
    }
    await errorOf(application.acknowledgmentOf('c-1', { wait: 5 } as never), 'invalid-option')
    await errorOf(application.acknowledgmentOf(''), 'validation')
    await errorOf(application.dispatch(deposit('c-1', 5), { mode: 'later' as never }), 'invalid-option')
    assert.throws(() => newApplication({ commandQueue: { mostPending: 0 } }), { code: 'invalid-option' })
    assert.throws(() => newApplication({ commandQueue: { size: 1 } as never }), { code: 'invalid-option' })
  })
})

describe('a queue', () => {
  test('takes no more than it may, and still knows what it has taken', async () => {
    const { newApplication, eventStore } = openQueue()
    await using application = newApplication({ commandQueue: { mostPending: 3 } })
    const sent = Array.from({ length: 10 }, (_, index) => queue(application, deposit(`c-${index}`, index + 1)))
    const outcomes = await Promise.allSettled(sent)
    const taken = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    assert.equal(taken.length, 3)
    assert.equal(await eventStore.headPosition(), 3)
    for (const { commandId } of taken) {
      assert.deepEqual(await application.acknowledgmentOf(commandId), await application.acknowledgmentOf(commandId))
    }
    const again = deposit('c-0', 1)
    assert.deepEqual(await queue(application, again), taken[0], 'what waits already needs no room')
    const error = (await errorOf(queue(application, deposit('d', 1)), 'command-queue-full')) as CommandQueueFullError
    assert.deepEqual([error.depth, error.limit, error.retryAfterMs], [3, 3, 5000])
    assert.match(error.message, /^3 commands wait, 3 may\. Nothing was stored: send the command again in about 5000 ms/)
    // Another process counts what waits in the event store.
    await errorOf(queue(newApplication({ commandQueue: { mostPending: 3 } }), deposit('e', 1)), 'command-queue-full')
    await application.start()
    await application.acknowledgmentOf('c-2', { waitMs })
    while (application.commandQueue.status.depth > 0) await settle()
    assert.equal((await queue(application, deposit('d', 1))).status, 'Pending')
    assert.ok(application.commandQueue.status.executedPerSecond > 0)
  })

  test('says when there should be room again, by the rate at which commands were executed', async () => {
    const { newApplication } = openQueue()
    let time = Date.now()
    await using application = newApplication({ commandQueue: { mostPending: 50 }, now: () => time })
    await application.start()
    for (let index = 0; index < 50; index++) await queue(application, deposit(`c-${index}`, 1))
    await application.acknowledgmentOf('c-49', { waitMs })
    while (application.commandQueue.status.depth > 0) await settle()
    await application.stop()
    for (let index = 0; index < 50; index++) await queue(application, deposit(`d-${index}`, 1))
    // A tenth of the queue at about 7, later at less than 2 a second.
    for (const [passedMs, least, most] of [
      [0, 1000, 1000],
      [10_000, 2500, 3500],
      [3_600_000, 60_000, 60_000],
    ] as const) {
      time += passedMs
      const error = (await errorOf(queue(application, deposit('e', 1)), 'command-queue-full')) as CommandQueueFullError
      assert.ok(error.retryAfterMs >= least && error.retryAfterMs <= most, error.message)
    }
  })

  test('says how many commands wait, and how long the oldest has', async () => {
    const { newApplication } = openQueue()
    let time = Date.now()
    await using application = newApplication({ now: () => time })
    assert.deepEqual(application.commandQueue.status, {
      ...{ depth: 0, limit: 10_000, oldestPendingMs: 0, executedPerSecond: 0 },
    })
    for (const id of ['c-1', 'c-2']) await queue(application, deposit(id, 5))
    const before = application.commandQueue.status.oldestPendingMs
    time += 60_000
    const { depth, oldestPendingMs } = application.commandQueue.status
    assert.deepEqual([depth, oldestPendingMs - before > 50_000], [2, true])
  })

  test('that nobody uses has no processor and keeps no progress', async () => {
    const { newApplication, eventStore, viewStore } = openQueue()
    await using application = newApplication()
    await application.start()
    await appendDeposits(eventStore, 'a-1', 1, 2, 3)
    await settle()
    assert.deepEqual(application.processors, [])
    assert.equal(await viewStore.progressStore.readProgress('CommandQueue'), undefined)
    await queue(application, deposit('c-1', 5))
    await application.acknowledgmentOf('c-1', { waitMs })
    await application.processing.drain('CommandQueue')
    assert.deepEqual(application.processing.processorNames, ['CommandQueue'])
    assert.equal(
      (await application.processing.audit('CommandQueue')).afterPosition,
      3,
      'it begins with the first command',
    )
    await application.stop()
    await application.start()
    assert.deepEqual(application.processing.processorNames, ['CommandQueue'], 'it was used once')
  })

  test('can be paused: commands are taken and wait', async () => {
    const { newApplication } = openQueue()
    await using application = newApplication()
    await application.start()
    await queue(application, deposit('c-1', 5))
    await application.acknowledgmentOf('c-1', { waitMs })
    await application.processing.pause('CommandQueue')
    while (application.processors[0]?.state !== 'paused') await settle()
    await queue(application, deposit('c-2', 5))
    assert.equal((await application.acknowledgmentOf('c-2', { waitMs: 20 })).status, 'Pending')
    await application.processing.resume('CommandQueue')
    assert.equal((await application.acknowledgmentOf('c-2', { waitMs })).status, 'Accepted')
  })

  test('of a branch is its own: what waits there and then is executed in the branch alone', async () => {
    const { newApplication, eventStore } = openQueue()
    await using application = newApplication()
    await queue(application, deposit('c-1', 1))
    await using branch = await application.branch()
    await queue(branch, deposit('c-2', 2))
    for (const id of ['c-1', 'c-2']) {
      assert.equal((await branch.acknowledgmentOf(id, { waitMs })).status, 'Accepted')
    }
    assert.deepEqual(await depositsOf(branch.eventStore), [1, 2])
    assert.deepEqual([await depositsOf(eventStore), await eventStore.headPosition()], [[], 1])
    assert.equal((await application.acknowledgmentOf('c-1')).status, 'Pending')
    await errorOf(application.acknowledgmentOf('c-2'), 'unknown-command-id')
  })

  test('has names that nothing else may have', () => {
    const { newApplication } = openQueue()
    const taken = { events: {}, commands: {}, initialState: {}, decide: {}, apply: {} }
    const aggregate = defineAggregate('QueuedCommand', taken)
    assert.throws(() => newApplication({ aggregates: [aggregate as never] }), { code: 'invalid-definition' })
  })
})
