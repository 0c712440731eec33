import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ViewNotReadyError } from '../errors/processing-errors.ts'
import { nextTurn } from '../event-processing/next-turn.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import { appendDeposits, errorOf, settle, withHooks } from '../sample-account.test.ts'
import { balancesOf, openBuilds, openRebuilt, waitMs } from './sample-builds.test.ts'

describe('a view that was never built', () => {
  test('is live at once when there is nothing to catch up with', async () => {
    const { application, balance, states } = openBuilds()
    await using _ = application
    await application.start()
    assert.equal(await balance(), undefined)
    assert.deepEqual(await states(), ['BalanceView@1 live'])
  })

  test('is not read before it has caught up', async () => {
    const eventStore = new MemoryEventStore()
    await appendDeposits(eventStore, 'a-1', 1, 2)
    const memory = new MemoryViewStore()
    const gate = Promise.withResolvers<void>()
    const viewStore = withHooks<ViewStore>(memory, {
      commit: async (...commit) => {
        await gate.promise
        await memory.commit(...commit)
      },
    })
    const { application, balance, states } = openBuilds(balancesOf(1), { eventStore, viewStore })
    await using _ = application
    await application.start()
    const error = (await errorOf(balance(), 'view-not-ready')) as ViewNotReadyError
    assert.deepEqual([error.view, error.position, error.headPosition], ['BalanceView', 0, 2])
    const waiting = balance({ waitMs })
    gate.resolve()
    assert.equal(await waiting, 3)
    assert.deepEqual(await states(), ['BalanceView@1 live'])
  })

  test('becomes live in spite of a store that fails for a while when it should', async () => {
    const eventStore = new MemoryEventStore()
    await appendDeposits(eventStore, 'a-1', 1, 2)
    const memory = new MemoryViewStore()
    let attempts = 0
    const viewStore = withHooks<ViewStore>(memory, {
      promoteView: async (...promotion) => {
        if (++attempts <= 2) throw new Error('The disk is full.')
        await memory.promoteView(...promotion)
      },
    })
    const { application, balance } = openBuilds(balancesOf(1), { eventStore, viewStore })
    await using _ = application
    await application.start()
    assert.equal(await balance({ waitMs }), 3)
    assert.equal(attempts, 3)
  })
})

describe('a new version of a projection', () => {
  test('is built beside the old one, which an old application goes on reading', async () => {
    const { eventStore, viewStore, ...old } = openBuilds(balancesOf(1))
    await using _ = old.application
    await old.application.start()
    await appendDeposits(eventStore, 'a-1', 5)
    assert.equal(await old.balance({ afterPosition: 1, waitMs }), 5)
    const next = openBuilds(
      balancesOf(2, () => 100),
      { eventStore, viewStore },
    )
    await using __ = next.application
    await next.application.start()
    assert.equal(await next.balance({ waitMs }), 500)
    assert.deepEqual(await next.states(), ['BalanceView@1 retired', 'BalanceView@2 live'])
    await appendDeposits(eventStore, 'a-1', 1)
    assert.equal(await old.balance({ afterPosition: 2, waitMs }), 6)
    assert.equal(await next.balance({ afterPosition: 2, waitMs }), 600)
  })
})

describe('a rebuild', () => {
  test('that is asked for twice at once is run once, and stops with its application', async () => {
    const eventStore = new MemoryEventStore()
    const viewStore = new MemoryViewStore()
    const { application, builds } = openBuilds(balancesOf(1), { eventStore, viewStore })
    await application.start()
    await appendDeposits(eventStore, 'a-1', 5)
    const keys = await Promise.all([builds.rebuild('BalanceView'), builds.rebuild('BalanceView')])
    assert.deepEqual(keys, ['BalanceView@1.2', 'BalanceView@1.2'])
    await application.processing.drain('BalanceView@1.2')
    // One that asked for it and was refused would ask for a second time: it is claimed once.
    assert.equal((await viewStore.progressStore.readProgress('BalanceView@1.2'))?.epoch, 1)
    await application.stop()
    assert.equal((await viewStore.progressStore.readProgress('BalanceView@1.2'))?.owner, undefined)
  })

  test('that begins while its application stops leaves nothing running', async () => {
    const { application, builds } = openBuilds()
    await application.start()
    const [rebuilding] = await Promise.allSettled([builds.rebuild('BalanceView'), application.stop()])
    assert.equal(rebuilding.status, 'rejected')
    assert.ok(application.processors.every(({ state }) => state === 'stopped'))
  })

  test('that is dropped before it has caught up is not promoted', async () => {
    const gate = Promise.withResolvers<number>()
    let isGated = false
    const opened = openBuilds(
      balancesOf(1, () => (isGated ? gate.promise : 1)),
      { processors: { batchSize: 1 } },
    )
    const { application, builds, deposit, states } = opened
    await using _ = application
    await application.start()
    await deposit(1, 2, 3)
    await application.processing.drain('BalanceView@1')
    isGated = true
    const key = await builds.rebuild('BalanceView')
    const promoting = errorOf(builds.promote('BalanceView', key), 'unknown-view-build')
    // Everything is in memory: it waits for the build now.
    await nextTurn()
    const dropping = builds.drop('BalanceView', key)
    gate.resolve(1)
    await Promise.all([promoting, dropping])
    assert.deepEqual(await states(), ['BalanceView@1 live'])
  })

  test('is read only once it is promoted, and can be rolled back', async () => {
    let factor = 1
    const { application, eventStore, builds, balance, states } = openBuilds(balancesOf(1, () => factor))
    await using _ = application
    await application.start()
    await appendDeposits(eventStore, 'a-1', 5)
    assert.equal(await balance({ afterPosition: 1, waitMs }), 5)
    factor = 2
    const key = await builds.rebuild('BalanceView')
    assert.equal(key, 'BalanceView@1.2')
    const comparison = await builds.compare('BalanceView', key)
    assert.deepEqual(comparison, {
      live: 'BalanceView@1',
      other: 'BalanceView@1.2',
      documents: { live: 1, other: 1 },
      compared: 1,
      different: 1,
      examples: [{ id: 'a-1', differences: [{ pointer: '/balance', kind: 'changed', before: 5, after: 10 }] }],
    })
    assert.equal(await balance(), 5)
    assert.deepEqual(await states(), ['BalanceView@1 live', 'BalanceView@1.2 building'])
    await builds.promote('BalanceView', key)
    assert.equal(await balance(), 10)
    assert.deepEqual(await states(), ['BalanceView@1 retired', 'BalanceView@1.2 live'])
    await appendDeposits(eventStore, 'a-1', 1)
    assert.equal(await balance({ afterPosition: 2, waitMs }), 12)
    factor = 1
    assert.equal(await builds.rollback('BalanceView'), 'BalanceView@1')
    assert.equal(await balance(), 6)
    assert.deepEqual(await states(), ['BalanceView@1 live', 'BalanceView@1.2 retired'])
    await errorOf(builds.drop('BalanceView', 'BalanceView@1'), 'view-live')
    await builds.drop('BalanceView', 'BalanceView@1.2')
    assert.deepEqual(await states(), ['BalanceView@1 live'])
    await errorOf(builds.rollback('BalanceView'), 'unknown-view-build')
    await errorOf(builds.promote('BalanceView', key), 'unknown-view-build')
    await errorOf(builds.rebuild('Nobody'), 'unknown-view')
  })

  test('that was interrupted goes on when the application starts again', async () => {
    const { eventStore, viewStore, ...first } = openBuilds()
    await first.application.start()
    await appendDeposits(eventStore, 'a-1', 5)
    const key = await first.builds.rebuild('BalanceView')
    await first.application.stop()
    await appendDeposits(eventStore, 'a-1', 6)
    const second = openBuilds(balancesOf(1), { eventStore, viewStore })
    await using _ = second.application
    await second.application.start()
    await second.builds.promote('BalanceView', key)
    assert.equal(await second.balance(), 11)
    const [, build] = await second.builds.list('BalanceView')
    assert.deepEqual([build?.key, build?.state, build?.checkpoint, build?.etaSeconds], [key, 'live', 2, 0])
  })

  test('with the same code has no differences, while events keep coming', async () => {
    const { application, eventStore, builds } = openBuilds()
    await using _ = application
    await application.start()
    const key = await builds.rebuild('BalanceView')
    let isOver = false
    const load = (async () => {
      for (let count = 0; !isOver; count++) {
        await appendDeposits(eventStore, `a-${count % 50}`, 1)
        await new Promise(setImmediate)
      }
    })()
    for (let round = 0; round < 5; round++) {
      const { different, compared } = await builds.compare('BalanceView', key, { sampleSize: 20 })
      assert.equal(different, 0)
      assert.ok(round === 0 || compared > 0)
    }
    isOver = true
    await load
  })

  test('that another application has promoted is run by whoever reads it, and the one before is not run any more', async (context) => {
    const stores = { eventStore: new MemoryEventStore(), viewStore: new MemoryViewStore() }
    const first = await openRebuilt(balancesOf(1), stores)
    await using _ = first.application
    const { key } = first
    // It remembers which build is read.
    assert.equal(await first.balance(), 5)
    const second = openBuilds(balancesOf(1), stores)
    await second.application.start()
    const third = await second.builds.rebuild('BalanceView')
    await second.builds.promote('BalanceView', third)
    await second.application.stop()
    await first.deposit(6)
    assert.equal(await first.balance({ afterPosition: 2, waitMs }), 11)
    assert.deepEqual(first.running(), ['BalanceView@1', key])
    const later = performance.now() + 1000
    context.mock.method(performance, 'now', () => later)
    assert.equal(await first.balance(), 5)
    assert.deepEqual(first.running(), [key, third])
    assert.equal(await first.balance({ afterPosition: 2, waitMs }), 11)
  })
})

describe('an application that does not run', () => {
  test('says so to whoever would work with its builds, and changes nothing', async () => {
    const { application, builds, key, states } = await openRebuilt()
    await builds.promote('BalanceView', key)
    await application.stop()
    const before = await states()
    const neverStarted = openBuilds()
    for (const stopped of [builds, neverStarted.builds]) {
      for (const ask of [
        () => stopped.rebuild('BalanceView'),
        () => stopped.compare('BalanceView', 'BalanceView@1'),
        () => stopped.promote('BalanceView', 'BalanceView@1'),
        () => stopped.rollback('BalanceView'),
        () => stopped.drop('BalanceView', 'BalanceView@1'),
      ]) {
        const error = await errorOf(ask(), 'application-stopped')
        assert.match(error.message, /not running.*Start it/)
      }
    }
    assert.deepEqual(await states(), before)
    assert.deepEqual(await neverStarted.states(), [])
    await application.start()
    await using _ = application
    assert.equal(await builds.rollback('BalanceView'), 'BalanceView@1')
  })

  test('says so to whoever waits while it stops', async () => {
    const gate = Promise.withResolvers<number>()
    let isGated = false
    const { application, builds, deposit, states } = openBuilds(balancesOf(1, () => (isGated ? gate.promise : 1)))
    await application.start()
    await deposit(5)
    await application.processing.drain('BalanceView@1')
    isGated = true
    const key = await builds.rebuild('BalanceView')
    const waiting = [builds.promote('BalanceView', key), builds.compare('BalanceView', key)].map((asked) =>
      errorOf(asked, 'application-stopped'),
    )
    await settle()
    const stopping = application.stop()
    gate.resolve(1)
    await Promise.all([...waiting, stopping])
    assert.deepEqual(await states(), ['BalanceView@1 live', 'BalanceView@1.2 building'])
  })
})
