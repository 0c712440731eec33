import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorOf, settle } from '../sample-account.test.ts'
import { runInLanes, withTimeout } from './run-in-lanes.ts'
import { manualClock, storedEvent } from './sample-processing.test.ts'

const events = Array.from({ length: 60 }, (_, index) =>
  storedEvent(index + 1, `a-${index % 6}`, 1 + Math.floor(index / 6)),
)

/** Handles events with waits in between, and notes who began and ended. */
function watched() {
  const began: number[] = []
  const running = new Set<string>()
  let most = 0
  const handle = async ({ aggregateId, position }: (typeof events)[number]) => {
    assert.ok(!running.has(aggregateId), 'an event waits for the one before it of its aggregate')
    began.push(position)
    running.add(aggregateId)
    most = Math.max(most, running.size)
    for (let turn = 0; turn < position % 4; turn++) await new Promise(setImmediate)
    running.delete(aggregateId)
  }
  return { began, handle, most: () => most }
}

describe('lanes', () => {
  test('keep the order of each aggregate, and run no more at once than told', async () => {
    for (const concurrency of [2, 3, 100]) {
      const { began, handle, most } = watched()
      await runInLanes(events, concurrency, handle)
      assert.equal(most(), Math.min(concurrency, 6))
      assert.equal(new Set(began).size, events.length)
      for (let lane = 0; lane < 6; lane++) {
        const positions = began.filter((position) => (position - 1) % 6 === lane)
        assert.deepEqual(
          positions,
          [...positions].sort((one, other) => one - other),
        )
      }
    }
  })

  test('may be of something else than the aggregate', async () => {
    const busy = new Set<number>()
    const handle = async ({ position }: (typeof events)[number]) => {
      assert.ok(!busy.has(position % 2), 'an event waits for the one before it of its lane')
      busy.add(position % 2)
      await new Promise(setImmediate)
      busy.delete(position % 2)
    }
    await runInLanes(events, 10, handle, ({ position }) => (position % 2 === 0 ? 'even' : 'odd'))
  })

  test('are one, in the order of positions, when no more is allowed', async () => {
    const { began, handle, most } = watched()
    await runInLanes(events, 1, handle)
    assert.deepEqual([began, most()], [events.map(({ position }) => position), 1])
  })

  test('begin with events in their order, but for those that wait for another of their aggregate', async () => {
    const slow = Promise.withResolvers<void>()
    const began: number[] = []
    const few = ['a', 'a', 'b', 'c', 'b', 'd'].map((id, index) => storedEvent(index + 1, id))
    const running = runInLanes(few, 2, async ({ position }) => {
      began.push(position)
      if (position === 1) await slow.promise
    })
    await settle()
    assert.deepEqual(began, [1, 3, 4, 5, 6])
    slow.resolve()
    await running
    assert.deepEqual(began, [1, 3, 4, 5, 6, 2])
  })

  test('do not wait for handlers that are done at once', async () => {
    let isDone = false
    const running = runInLanes(events, 1, () => undefined).then(() => {
      isDone = true
    })
    await Promise.resolve()
    await Promise.resolve()
    assert.equal(isDone, true)
    await running
    await runInLanes([], 4, () => assert.fail('there is nothing to handle'))
  })
})

describe('a handler that takes time', () => {
  test('gives what it gives when it is done in time', async () => {
    const clock = manualClock()
    assert.equal(await withTimeout(Promise.resolve(5), 10, () => 'x', clock), 5)
    await assert.rejects(
      withTimeout(Promise.reject(new Error('mine')), 10, () => 'x', clock),
      /mine/,
    )
  })

  test('is given up when it takes too long', async () => {
    const clock = manualClock()
    const work = Promise.withResolvers<void>()
    const failed = errorOf(
      withTimeout(work.promise, 100, () => 'the handler', clock),
      'handler-timeout',
    )
    await clock.pass(99)
    await clock.pass(1)
    assert.match((await failed).message, /^the handler was not done after 100 ms/)
    // Nobody listens any more: that must not end the process.
    work.reject(new Error('late'))
    await settle()
  })
})
