import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Signal } from '../event-store/signal.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import { errorOf, settle, withHooks } from '../sample-account.test.ts'
import type { ProgressStore } from './progress-store.ts'
import { processorName, scene } from './sample-runner.test.ts'
import { nothingSeen } from './seen-events.ts'

const failures = { retryDelay: { firstMs: 10, mostMs: 100 } }

describe('a runner whose clock is set back', () => {
  test('goes on to show signs of life, and sees what others ask of it', async () => {
    const { newRunner, deposit, views, clock, progressStore } = scene()
    let setBackMs = 0
    const now = () => clock.now() - setBackMs
    const runner = newRunner({ leaseMs: 900, clock: { now, schedule: clock.schedule } })
    await deposit('a')
    await runner.start()
    await clock.pass(400)
    setBackMs = 3_600_000
    await clock.pass(400)
    await progressStore.setPaused(processorName, true)
    await clock.pass(900)
    assert.equal(runner.status.state, 'paused')
    const progress = await progressStore.readProgress(processorName)
    assert.deepEqual([progress?.owner, progress?.position, await views()], [undefined, 1, { a: [1] }])
    await runner.stop()
  })
})

describe('two runners of one processor', () => {
  test('do not work at once: the other takes over as soon as the first gives it back', async () => {
    const { newRunner, deposit, views, clock } = scene()
    await deposit('a', 2)
    const [one, other] = [newRunner({ leaseMs: 900 }), newRunner({ leaseMs: 900 })]
    await one.start()
    await clock.pass(0)
    await other.start()
    await clock.pass(5000)
    assert.deepEqual([one.status.state, other.status.state], ['running', 'waiting'])
    await other.drain()
    await one.stop()
    await deposit('a')
    await clock.pass(0)
    assert.deepEqual([one.status.state, other.status.state], ['stopped', 'running'])
    assert.deepEqual(await views(), { a: [1, 2, 3] })
    await other.stop()
  })

  test('the other takes over soon when the first, in another process, gives it back', async () => {
    const { newRunner, clock, viewStore } = scene()
    // Nothing is heard of what happens in another process.
    const progressStore = withHooks<ProgressStore>(viewStore.progressStore, { committed: new Signal() })
    const one = newRunner({ leaseMs: 900 })
    const other = newRunner({ leaseMs: 900, views: withHooks<ViewStore>(viewStore, { progressStore }) })
    await one.start()
    await clock.pass(0)
    await other.start()
    await clock.pass(5000)
    await one.stop()
    await clock.pass(300)
    assert.deepEqual([one.status.state, other.status.state], ['stopped', 'running'])
    await other.stop()
  })

  test('the one that waits looks on when the owner commits, and does not ask for the processor each time', async () => {
    const { newRunner, deposit, clock, viewStore, views } = scene()
    let asked = 0
    const progressStore = withHooks<ProgressStore>(viewStore.progressStore, {
      claimProcessor: async (...request) => {
        asked++
        return viewStore.progressStore.claimProcessor(...request)
      },
    })
    const one = newRunner({ leaseMs: 900 })
    const other = newRunner({ leaseMs: 900, views: withHooks<ViewStore>(viewStore, { progressStore }) })
    await one.start()
    await clock.pass(0)
    await other.start()
    for (let round = 0; round < 20; round++) {
      await deposit('a')
      await clock.pass(0)
    }
    assert.deepEqual([asked, (await views()).a?.length], [1, 20])
    await Promise.all([one.stop(), other.stop()])
  })

  test('the one that waits looks thirty times in a lease at most, however much is committed', async () => {
    const { newRunner, clock, viewStore } = scene()
    let looks = 0
    const progressStore = withHooks<ProgressStore>(viewStore.progressStore, {
      readProgress: async (name) => {
        looks++
        return viewStore.progressStore.readProgress(name)
      },
    })
    const one = newRunner({ leaseMs: 900 })
    const other = newRunner({ leaseMs: 900, views: withHooks<ViewStore>(viewStore, { progressStore }) })
    await one.start()
    await clock.pass(0)
    await other.start()
    await clock.pass(0)
    looks = 0
    for (let passed = 0; passed < 900; passed++) {
      progressStore.committed.notify()
      await clock.pass(1)
    }
    // At the end of each third it asks for the processor, too.
    assert.ok(looks > 20 && looks <= 40, `it looked ${looks} times`)
    await one.stop()
    await clock.pass(30)
    assert.deepEqual([one.status.state, other.status.state], ['stopped', 'running'])
    await other.stop()
  })

  test('the other takes over when the first has shown no sign of life for too long, and the first can save no more', async () => {
    const { newRunner, deposit, views, clock, viewStore, poison, held } = scene()
    // The first one stands still in the middle of its save.
    let standsStill = false
    const still = Promise.withResolvers<void>()
    const wait = async () => {
      if (standsStill) await still.promise
    }
    const slowProgress = withHooks<ProgressStore>(viewStore.progressStore, {
      renewClaim: async (...request) => {
        await wait()
        return viewStore.progressStore.renewClaim(...request)
      },
    })
    const slow = withHooks<ViewStore>(viewStore, {
      progressStore: slowProgress,
      commit: async (...request) => {
        await wait()
        return viewStore.commit(...request)
      },
    })
    const first = newRunner({ views: slow, leaseMs: 900, failures })
    await first.start()
    await deposit('a')
    await clock.pass(0)
    standsStill = true
    await deposit('a', 2)
    const second = newRunner({ leaseMs: 900, failures })
    await second.start()
    await clock.pass(800)
    assert.deepEqual([second.status.state, await views()], ['waiting', { a: [1] }])
    await clock.pass(400)
    assert.deepEqual([second.status.state, await views()], ['running', { a: [1, 2, 3] }])
    poison.set(4, () => assert.fail('poison'))
    await deposit('b')
    await clock.pass(0)
    standsStill = false
    still.resolve()
    await clock.pass(0)
    assert.deepEqual([first.status.state, first.status.failures], ['waiting', 0])
    await deposit('a')
    await clock.pass(5)
    assert.deepEqual(await views(), { a: [1, 2, 3, 5] })
    assert.deepEqual(
      (await held()).map(([aggregateId]) => aggregateId),
      ['b'],
    )
    await second.stop()
    poison.clear()
    await clock.pass(1000)
    assert.deepEqual([first.status.state, await views()], ['running', { a: [1, 2, 3, 5], b: [4] }])
    await first.stop()
  })

  test('an owner whose handlers take longer than its lease keeps it while they work', async () => {
    const { newRunner, deposit, views, clock, poison } = scene()
    await deposit('a', 3)
    poison.set(2, () => new Promise((resolve) => void clock.schedule(() => resolve(undefined), 10_000)))
    const [one, other] = [newRunner({ leaseMs: 900 }), newRunner({ leaseMs: 900 })]
    await one.start()
    await clock.pass(0)
    await other.start()
    await clock.pass(9999)
    assert.deepEqual([other.status.state, await views()], ['waiting', {}])
    await clock.pass(1)
    assert.deepEqual([one.status.state, other.status.state, await views()], ['running', 'waiting', { a: [1, 2, 3] }])
    await Promise.all([one.stop(), other.stop()])
  })

  test('a step of an epoch that is over is refused', async () => {
    const { progressStore, clock } = scene()
    const ask = (owner: string) =>
      progressStore.claimProcessor(processorName, { owner, now: clock.now(), leaseMs: 900 })
    const claim = await ask('one')
    assert.ok(claim !== undefined)
    assert.equal(await ask('other'), undefined)
    await clock.pass(900)
    assert.deepEqual(await ask('other'), { processorName, epoch: 2 })
    const step = { expectedPosition: 0, expectedRevision: 0, position: 5, seen: nothingSeen, leaseUntil: 1 }
    await errorOf(progressStore.saveProgress({ claim, ...step, deadLetters: [] }), 'stale-owner')
    await errorOf(progressStore.renewClaim(claim, 1), 'stale-owner')
    await progressStore.releaseClaim(claim)
    assert.equal((await progressStore.readProgress(processorName))?.owner, 'other')
  })
})

describe('a save', () => {
  for (const when of ['before it takes effect', 'after it took effect']) {
    test(`that fails ${when} makes no effect missing or twice`, async () => {
      const { newRunner, deposit, views, clock, viewStore, progressStore, told, poison, held } = scene()
      await deposit('a', 3)
      await deposit('bad', 2)
      poison.set(4, () => assert.fail('poison'))
      let commits = 0
      const broken = withHooks<ViewStore>(viewStore, {
        commit: async (...request) => {
          const isBroken = commits++ % 2 === 0
          if (isBroken && when.startsWith('before')) assert.fail('the disk is full')
          await viewStore.commit(...request)
          if (isBroken) assert.fail('the answer was lost')
        },
      })
      const runner = newRunner({ views: broken, batchSize: 2, eventsPerCheckpoint: 2, failures })
      await runner.start()
      await clock.pass(5)
      poison.clear()
      await clock.pass(5000)
      assert.deepEqual([await views(), await held()], [{ a: [1, 2, 3], bad: [4, 5] }, []])
      assert.equal((await progressStore.readProgress(processorName))?.seen.count, 5)
      assert.ok(told.length > 1)
      assert.deepEqual([runner.status.state, runner.status.failures], ['running', 0])
      await runner.stop()
    })
  }
})

test('a runner that waits, or is paused, has no failure once the stores answer', async () => {
  const { newRunner, clock, viewStore, progressStore } = scene()
  let isAway = true
  const away = withHooks<ProgressStore>(progressStore, {
    readProgress: async (name) => (isAway ? assert.fail('the store is away') : progressStore.readProgress(name)),
  })
  const owner = newRunner()
  await owner.start()
  await clock.pass(0)
  const runner = newRunner({ views: withHooks<ViewStore>(viewStore, { progressStore: away }), failures })
  await runner.start()
  await clock.pass(1000)
  assert.ok(runner.status.failures > 4)
  isAway = false
  await clock.pass(100)
  const { state, failures: count, lastError } = runner.status
  assert.deepEqual([state, count, lastError], ['waiting', 0, undefined])
  await Promise.all([owner.stop(), runner.stop()])
})

test('a runner that is stopped while it starts gives back what it has asked for', async () => {
  const { newRunner, clock, progressStore } = scene()
  const runner = newRunner({ startAt: 'now' })
  const starting = runner.start()
  await runner.stop()
  await starting
  await clock.pass(0)
  assert.equal((await progressStore.readProgress(processorName))?.owner, undefined)
})

test('a runner that is told to stop once more after it was told to start again is stopped', async () => {
  const { newRunner, clock, progressStore } = scene()
  const runner = newRunner({ startAt: 'now' })
  await runner.start()
  const told = [runner.stop(), runner.start(), runner.stop()]
  await Promise.all(told)
  await clock.pass(0)
  assert.equal(runner.status.state, 'stopped')
  assert.equal((await progressStore.readProgress(processorName))?.owner, undefined)
})

test('a claim that cannot be given back does not keep a runner from stopping', async () => {
  const { newRunner, clock, viewStore } = scene()
  const progressStore = withHooks<ProgressStore>(viewStore.progressStore, {
    releaseClaim: async () => assert.fail('the store is away'),
  })
  const runner = newRunner({ views: withHooks<ViewStore>(viewStore, { progressStore }) })
  await runner.start()
  await clock.pass(0)
  await runner.stop()
  await settle()
  assert.equal(runner.status.state, 'stopped')
})
