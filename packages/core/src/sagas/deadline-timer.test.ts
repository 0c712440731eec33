import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { manualClock } from '../event-processing/sample-processing.test.ts'
import { Signal } from '../event-store/signal.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { createReadModel } from '../read-side/read-model.ts'
import { settle } from '../sample-account.test.ts'
import { DeadlineTimer, type DeadlineTimerOptions, type DueDeadline } from './deadline-timer.ts'
import { InstanceReader } from './instance-reader.ts'
import { newInstance } from './saga-instance.ts'
import { defineSagaInstances, type SagaView, sagaViewId } from './saga-instances.ts'
import { journalOf } from './saga-journal.ts'
import { scripted } from './sample-script.test.ts'

const hour = 3_600_000

/** A timer over a list of deadlines, with a clock that can be set and a view that may be late. */
function scene(options: Partial<DeadlineTimerOptions> = {}) {
  const pending = new Map<string, number>()
  const reached: string[] = []
  const told: unknown[] = []
  const calls = { findDue: 0 }
  const manual = manualClock(0)
  const setting = { offset: 0 }
  const changed = new Signal()
  const timer = new DeadlineTimer({
    clock: { now: () => manual.now() + setting.offset, schedule: manual.schedule },
    changed,
    findDue: async (time) => {
      calls.findDue++
      const times = [...pending].sort(([, one], [, other]) => one - other)
      const due = times.filter(([, at]) => at <= time).map(([deadlineId]) => ({ sagaId: 's', deadlineId }))
      return { due: due.slice(0, 500), next: times[due.length]?.[1] }
    },
    reach: async ({ deadlineId }) => {
      if (pending.delete(deadlineId)) reached.push(deadlineId)
      return reached.length
    },
    onError: (error) => told.push(error),
    ...options,
  })
  const schedule = (deadlineId: string, at: number): void => {
    pending.set(deadlineId, at)
    changed.notify()
  }
  return { timer, pending, reached, told, calls, manual, setting, changed, schedule }
}

describe('a deadline timer', () => {
  test('reaches each deadline when its time has come, the earliest first', async () => {
    const { timer, reached, manual, schedule } = scene()
    timer.start()
    schedule('late', 10_000)
    schedule('early', 2500)
    await manual.pass(2499)
    assert.deepEqual(reached, [])
    await manual.pass(1)
    assert.deepEqual(reached, ['early'])
    schedule('between', 5000)
    await manual.pass(7500)
    assert.deepEqual([reached, timer.reached], [['early', 'between', 'late'], 3])
    await timer.stop()
  })

  test('reaches none twice and none too early when the clock is set back and forward by an hour', async () => {
    const { timer, reached, manual, setting, schedule } = scene()
    timer.start()
    schedule('one', 1000)
    await manual.pass(1000)
    setting.offset = -hour
    schedule('two', 2000)
    await manual.pass(5000)
    assert.deepEqual(reached, ['one'])
    setting.offset = hour
    schedule('three', 2 * hour)
    await manual.pass(1000)
    assert.deepEqual(reached, ['one', 'two'])
    setting.offset = 0
    await manual.pass(hour)
    setting.offset = hour
    await manual.pass(1000)
    assert.deepEqual(reached, ['one', 'two', 'three'])
    await timer.stop()
  })

  test('tries one again that could not be reached, tells of it, and reaches the others meanwhile', async () => {
    let isBroken = true
    const reached: string[] = []
    const pending = new Set(['broken', 'sound'])
    const { timer, told, manual } = scene({
      findDue: async () => ({ due: [...pending].map((deadlineId) => ({ sagaId: 's', deadlineId })), next: undefined }),
      reach: async ({ deadlineId }) => {
        if (deadlineId === 'broken' && isBroken) throw new Error('not now')
        pending.delete(deadlineId)
        return reached.push(deadlineId)
      },
    })
    timer.start()
    await manual.pass(2500)
    assert.deepEqual([reached, told.length >= 2], [['sound'], true])
    isBroken = false
    await manual.pass(1000)
    assert.deepEqual([reached, pending.size], [['sound', 'broken'], 0])
    await timer.stop()
  })

  test('goes on after the view could not be asked', async () => {
    let isBroken = true
    const { timer, told, manual, calls } = scene({
      findDue: async () => {
        calls.findDue++
        if (isBroken) throw new Error('no view')
        return { due: [], next: undefined }
      },
    })
    timer.start()
    await manual.pass(1000)
    isBroken = false
    await manual.pass(1000)
    assert.deepEqual([told.length, calls.findDue], [2, 3])
    await timer.stop()
  })

  test('does not ask in a circle for a deadline that a late view still shows', async () => {
    const { timer, manual, calls } = scene({
      findDue: async () => {
        calls.findDue++
        await settle()
        return { due: [{ sagaId: 's', deadlineId: 'reached already' }], next: undefined }
      },
      reach: async () => 7,
    })
    timer.start()
    await manual.pass(0)
    for (let turn = 0; turn < 5; turn++) await settle()
    assert.equal(calls.findDue, 2)
    const stopped = timer.stop()
    await manual.pass(0)
    await stopped
  })

  test('looks once for many changes that come together', async () => {
    const { timer, manual, calls, changed } = scene()
    timer.start()
    await manual.pass(0)
    for (let count = 0; count < 1000; count++) changed.notify()
    await manual.pass(20)
    assert.equal(calls.findDue, 2)
    await timer.stop()
  })

  test('ends with what is in progress when it is stopped, and may be started again', async () => {
    const { promise, resolve } = Promise.withResolvers<number>()
    const asked: DueDeadline[] = []
    const { timer, manual, schedule } = scene({
      reach: (deadline) => {
        asked.push(deadline)
        return promise
      },
    })
    timer.start()
    timer.start()
    schedule('one', 0)
    await manual.pass(100)
    let hasStopped = false
    const stopping = timer.stop().then(() => {
      hasStopped = true
    })
    await settle()
    assert.deepEqual([asked.length, hasStopped], [1, false])
    resolve(1)
    await stopping
    await manual.pass(5000)
    assert.equal(asked.length, 1)
    timer.start()
    await settle()
    assert.ok(asked.length > 1)
    await timer.stop()
  })
})

describe('many pending deadlines', () => {
  test('100,000 of them are reached in portions: the timer has no more than one in memory, and looks no more often', async () => {
    const count = 100_000
    const due = Array.from({ length: count }, (_, number) => ({ sagaId: `s-${number}`, deadlineId: `d-${number}` }))
    const times = { lookUps: 0, underWay: 0, most: 0 }
    const reached: string[] = []
    const { timer, manual } = scene({
      findDue: async (time) => {
        times.lookUps++
        // The first half is due at once, the second one in an hour.
        const end = time < hour ? count / 2 : count
        const next = end < count ? hour : undefined
        return { due: due.slice(reached.length, Math.min(end, reached.length + 500)), next }
      },
      reach: async ({ deadlineId }) => {
        times.most = Math.max(times.most, ++times.underWay)
        await Promise.resolve()
        times.underWay--
        return reached.push(deadlineId)
      },
    })
    timer.start()
    await manual.pass(100)
    assert.deepEqual([reached.length, times.most], [count / 2, 500])
    assert.ok(times.lookUps <= count / 2 / 500 + 2, `${times.lookUps} look-ups`)
    await manual.pass(hour)
    assert.deepEqual(
      reached,
      due.map(({ deadlineId }) => deadlineId),
    )
    assert.equal(timer.reached, count)
    // Between the two halves it wakes each second, in case the clock is set.
    assert.ok(times.lookUps <= count / 500 + hour / 1000 + 4, `${times.lookUps} look-ups`)
    await timer.stop()
  })

  test('are found through an index, the earliest 500 at a time', async () => {
    const view = { ...defineSagaInstances([journalOf(scripted)]), build: 1 }
    const viewStore = new MemoryViewStore()
    await viewStore.openView(view)
    const changes = Array.from({ length: 1200 }, (_, number) => {
      const [sagaId, dueAt] = [`s-${number}`, new Date(1200 - number).toISOString()]
      const deadlines = [{ deadlineId: `d-${number}`, name: 'Alarm', dueAt }]
      const instance = { ...newInstance(scripted.initialState), status: 'Running', deadlines } as const
      const after: SagaView = { ...instance, sagaName: 'Scripted', sagaId, startedAt: dueAt, updatedAt: dueAt }
      return { id: sagaViewId('Scripted', sagaId), before: undefined, after }
    })
    await viewStore.commit(view, { expectedCheckpoint: 0, position: 1, changes })
    const instances = new InstanceReader(() => createReadModel(async () => ({ viewStore, view })))
    const { signal } = new AbortController()
    const early = await instances.due('Scripted', 3, 0, signal)
    assert.deepEqual(
      early.due.map(({ sagaId }) => sagaId),
      ['s-1199', 's-1198', 's-1197'],
    )
    assert.equal(early.next, 4)
    const { due, next } = await instances.due('Scripted', 1200, 0, signal)
    assert.deepEqual([due.length, due[0]?.deadlineId, next], [500, 'd-1199', undefined])
    assert.deepEqual(await instances.due('Script', 1200, 0, signal), { due: [], next: undefined })
  })
})
