/** Stores that never answer: an operator sees it and can end it, and others can take over. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import { errorOf, settle, withHooks } from '../sample-account.test.ts'
import { processorName, scene } from './sample-runner.test.ts'

describe('a processor whose store does not answer', () => {
  test('shows what it waits for, can be given up, and is taken over by another', async () => {
    const { newRunner, deposit, views, clock, viewStore } = scene()
    const answer = Promise.withResolvers<void>()
    const hanging = withHooks<ViewStore>(viewStore, {
      commit: async (...request) => {
        await answer.promise
        return viewStore.commit(...request)
      },
    })
    await deposit('a')
    const runner = newRunner({ views: hanging, leaseMs: 900 })
    const since = new Date(clock.now()).toISOString()
    await runner.start()
    await clock.pass(500)
    assert.deepEqual(runner.status.waitingFor, { step: 'save', since })
    const patience = new AbortController()
    const stopped = runner.stop({ signal: patience.signal })
    await settle()
    patience.abort()
    const error = await errorOf(stopped, 'stop-given-up')
    assert.match(error.message, new RegExp(`Applied@1 was told to stop .* 'save', since ${since}`))
    assert.equal(error.cause, patience.signal.reason)
    const other = newRunner({ leaseMs: 900 })
    await other.start()
    await clock.pass(900)
    assert.deepEqual([other.status.state, other.status.waitingFor, await views()], ['running', undefined, { a: [1] }])
    answer.resolve()
    await runner.stop()
    assert.deepEqual([runner.status.state, runner.status.waitingFor, await views()], ['stopped', undefined, { a: [1] }])
    await other.stop()
  })

  test('is not kept for ever when it hangs in the middle of a batch: the read is given up and tried again', async () => {
    const { newRunner, deposit, views, clock, viewStore, told } = scene()
    let reads = 0
    const hanging = withHooks<ViewStore>(viewStore, {
      getMany: (...request) => (++reads === 1 ? new Promise(() => undefined) : viewStore.getMany(...request)),
    })
    await deposit('a', 2)
    const runner = newRunner({ views: hanging, leaseMs: 900 })
    await runner.start()
    await clock.pass(59_000)
    assert.deepEqual([runner.status.state, runner.status.waitingFor?.step], ['running', 'process'])
    await clock.pass(2000)
    assert.deepEqual([runner.status.state, await views()], ['running', { a: [1, 2] }])
    assert.match(told.join(), /Applied: reading the documents that 2 events change was not done after 60000 ms/)
    await runner.stop()
  })

  test('no longer keeps what it works on from others once nobody waits for its end', async () => {
    const { newRunner, deposit, clock, poison, progressStore } = scene()
    await deposit('a')
    poison.set(1, () => new Promise(() => undefined))
    const runner = newRunner({ leaseMs: 900, handlerTimeoutMs: 1_000_000 })
    await runner.start()
    await clock.pass(10_000)
    await errorOf(runner.stop({ signal: AbortSignal.abort() }), 'stop-given-up')
    poison.clear()
    const other = newRunner({ leaseMs: 900 })
    await other.start()
    await clock.pass(2000)
    assert.equal(other.status.state, 'running')
    assert.equal((await progressStore.readProgress(processorName))?.position, 1)
    await other.stop()
  })

  test('can be drained in vain no longer than one likes', async () => {
    const memory = new MemoryEventStore()
    let isAway = false
    const eventStore = withHooks<EventStore>(memory, {
      headPosition: () => (isAway ? new Promise(() => undefined) : memory.headPosition()),
    })
    const { newRunner, clock } = scene(eventStore)
    const runner = newRunner()
    await runner.start()
    await clock.pass(0)
    isAway = true
    const patience = new AbortController()
    const givenUp = assert.rejects(runner.drain({ signal: patience.signal }), /enough/)
    await settle()
    patience.abort(new Error('enough'))
    await givenUp
    await runner.stop()
  })
})
