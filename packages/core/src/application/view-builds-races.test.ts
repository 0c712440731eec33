import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hasErrorCode } from '../errors/cim-error.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { type ViewStore, viewKey } from '../read-side/view-store.ts'
import { appendDeposits, errorOf, settle, withHooks } from '../sample-account.test.ts'
import { balancesOf, openBuilds, openRebuilt, waitMs } from './sample-builds.test.ts'

const view = 'BalanceView'

/** A view store in memory, one call of which can be made to wait, once. */
function stoppable() {
  const memory = new MemoryViewStore()
  let stop: { readonly name: PropertyKey; reached(): void; readonly goOn: Promise<void> } | undefined
  const waiting =
    <TArguments extends unknown[], TResult>(name: PropertyKey, call: (...given: TArguments) => Promise<TResult>) =>
    async (...given: TArguments): Promise<TResult> => {
      const before = stop
      if (before?.name !== name) return call(...given)
      stop = undefined
      const result = name === 'listViews' ? await call(...given) : undefined
      before.reached()
      await before.goOn
      return result ?? call(...given)
    }
  const viewStore = withHooks<ViewStore>(memory, {
    listViews: waiting('listViews', (name) => memory.listViews(name)),
    openView: waiting('openView', (...given) => memory.openView(...given)),
    getCheckpoint: waiting('getCheckpoint', (of) => memory.getCheckpoint(of)),
    promoteView: waiting('promoteView', (...given) => memory.promoteView(...given)),
    dropView: waiting('dropView', (given) => memory.dropView(given)),
  })
  /** Stops the next call: before it is done, but after a list was read. */
  const stopAt = (name: 'listViews' | 'openView' | 'getCheckpoint' | 'promoteView' | 'dropView') => {
    const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    stop = { name, reached: reached.resolve, goOn: goOn.promise }
    return { reached: reached.promise, goOn: goOn.resolve }
  }
  return { viewStore, stopAt }
}

describe('a promotion and a drop of one build', () => {
  for (const call of ['listViews', 'openView', 'promoteView'] as const) {
    test(`at once: dropped before ${call} is done, it is not made anew by its promotion`, async () => {
      const { viewStore, stopAt } = stoppable()
      const { application, builds, states, key } = await openRebuilt(balancesOf(1), { viewStore })
      await using _ = application
      await builds.promote(view, key)
      // Retired, it is not running: its promotion has to open it.
      const stop = stopAt(call)
      const promoting = errorOf(builds.promote(view, 'BalanceView@1'), 'unknown-view-build')
      await stop.reached
      await builds.drop(view, 'BalanceView@1')
      stop.goOn()
      assert.match((await promoting).message, /no view build 'BalanceView@1'. Known: BalanceView@1.2/)
      await settle()
      assert.deepEqual(await states(), ['BalanceView@1.2 live'])
    })
  }

  test('at once: promoted before the drop is done, it stays, is read and kept up to date', async () => {
    const { viewStore, stopAt } = stoppable()
    const { application, builds, states, key, balance, deposit, running } = await openRebuilt(balancesOf(1), {
      viewStore,
    })
    await using _ = application
    const stop = stopAt('dropView')
    const dropping = errorOf(builds.drop(view, key), 'view-live')
    await stop.reached
    await builds.promote(view, key)
    stop.goOn()
    await dropping
    assert.deepEqual(await states(), ['BalanceView@1 retired', 'BalanceView@1.2 live'])
    await deposit(6)
    assert.equal(await balance({ afterPosition: 2, waitMs }), 11)
    assert.deepEqual(running(), [key])
  })

  test('in another application: it ends here, and does not come back', async () => {
    const stores = { eventStore: new MemoryEventStore(), viewStore: new MemoryViewStore() }
    const missed = Promise.withResolvers<unknown>()
    const processors = { onError: missed.resolve }
    const { application, key, running, states, deposit } = await openRebuilt(balancesOf(1), { ...stores, processors })
    await using _ = application
    const other = openBuilds(balancesOf(1), stores)
    await using __ = other.application
    await other.application.start()
    await other.builds.drop(view, key)
    await deposit(6, 7)
    assert.ok(hasErrorCode(await missed.promise, 'unknown-view'))
    await settle()
    assert.deepEqual(running(), ['BalanceView@1'])
    await application.processing.drain('BalanceView@1')
    assert.deepEqual(await states(), ['BalanceView@1 live'])
  })

  test('of which the drop fails leaves a first build to be promoted', async () => {
    const gate = Promise.withResolvers<number>()
    const eventStore = new MemoryEventStore()
    await appendDeposits(eventStore, 'a-1', 5)
    const memory = new MemoryViewStore()
    const dropView = async () => assert.fail('The disk is full.')
    const viewStore = withHooks<ViewStore>(memory, { dropView })
    const opened = openBuilds(
      balancesOf(1, () => gate.promise),
      { eventStore, viewStore },
    )
    await using _ = opened.application
    await opened.application.start()
    const dropping = assert.rejects(opened.builds.drop(view, 'BalanceView@1'), /disk is full/)
    gate.resolve(1)
    await dropping
    assert.equal(await opened.balance({ waitMs }), 5)
  })
})

describe('a rollback', () => {
  test('goes to the build that was live before, though the clock was set back', async () => {
    let time = Date.UTC(2026, 0, 1)
    const { application, builds, states, key } = await openRebuilt(balancesOf(1), { now: () => time })
    await using _ = application
    const third = await builds.rebuild(view)
    time -= 3_600_000
    await builds.promote(view, key)
    time -= 3_600_000
    await builds.promote(view, third)
    assert.equal(await builds.rollback(view), key)
    assert.deepEqual(await states(), ['BalanceView@1 retired', 'BalanceView@1.2 live', 'BalanceView@1.3 retired'])
  })

  test('that is asked for twice at once promotes nothing that has not caught up', async () => {
    const { viewStore, stopAt } = stoppable()
    const { application, builds, key, states, balance, deposit } = await openRebuilt(balancesOf(1), { viewStore })
    await using _ = application
    await builds.promote(view, key)
    await deposit(6)
    // The first one is about to start its processor.
    const stop = stopAt('getCheckpoint')
    const first = builds.rollback(view)
    await stop.reached
    const second = builds.rollback(view)
    await settle()
    assert.deepEqual(await states(), ['BalanceView@1 retired', 'BalanceView@1.2 live'])
    stop.goOn()
    const outcomes = await Promise.allSettled([first, second])
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') await errorOf(Promise.reject(outcome.reason), 'view-promoted')
    }
    assert.equal(await balance(), 11)
  })

  test('is refused when another build is promoted after it was asked for', async () => {
    const { viewStore, stopAt } = stoppable()
    const { application, builds, states, key } = await openRebuilt(balancesOf(1), { viewStore })
    await using _ = application
    const third = await builds.rebuild(view)
    await builds.promote(view, key)
    const stop = stopAt('listViews')
    const rollingBack = errorOf(builds.rollback(view), 'view-promoted')
    await stop.reached
    await builds.promote(view, third)
    stop.goOn()
    await rollingBack
    assert.deepEqual(await states(), ['BalanceView@1 retired', 'BalanceView@1.2 retired', 'BalanceView@1.3 live'])
  })
})

describe('a first build', () => {
  test('that is slow does not take the place of another one that an operator promotes first', async () => {
    const gates = [Promise.withResolvers<number>(), Promise.withResolvers<number>()]
    let handled = 0
    const eventStore = new MemoryEventStore()
    await appendDeposits(eventStore, 'a-1', 5)
    const opened = openBuilds(
      balancesOf(1, () => gates[handled++]?.promise ?? 1),
      { eventStore },
    )
    await using _ = opened.application
    await opened.application.start()
    while (handled < 1) await settle()
    const key = await opened.builds.rebuild(view)
    while (handled < 2) await settle()
    gates[1]?.resolve(1)
    await opened.builds.promote(view, key)
    gates[0]?.resolve(1)
    await opened.application.processing.drain('BalanceView@1')
    await settle()
    assert.deepEqual(await opened.states(), ['BalanceView@1 building', 'BalanceView@1.2 live'])
  })
})

describe('a comparison', () => {
  test('is right although the build that is compared is promoted meanwhile', async () => {
    const memory = new MemoryViewStore()
    const { application, builds, key, deposit, running } = await openRebuilt(balancesOf(1), { viewStore: memory })
    await using _ = application
    let promoting: Promise<void> | undefined
    const list = memory.list.bind(memory)
    // While documents are looked for: the build that was live is not read any more, and still needed.
    memory.list = async (of, options) => {
      const rows = await list(of, options)
      if (promoting === undefined) {
        promoting = builds.promote(view, key)
        await promoting
        await deposit(6)
        await application.processing.drain(key)
      }
      return rows
    }
    const { different, compared } = await builds.compare(view, key)
    assert.deepEqual([different, compared], [0, 1])
    assert.deepEqual(running(), [key])
  })

  test('with a build that is retired brings it up to date, and does not leave it running', async () => {
    const { application, builds, key, deposit, running } = await openRebuilt()
    await using _ = application
    await builds.promote(view, key)
    await deposit(6)
    const { different, compared } = await builds.compare(view, 'BalanceView@1')
    assert.deepEqual([different, compared], [0, 1])
    assert.deepEqual(running(), [key])
  })

  test('ends when its caller gives up, however many documents there are left', async () => {
    const memory = new MemoryViewStore()
    const { application, builds, key } = await openRebuilt(balancesOf(1), { viewStore: memory })
    await using _ = application
    const leaving = new AbortController()
    const list = memory.list.bind(memory)
    let pages = 0
    memory.list = async (of, options) => {
      const [row] = await list(of, {})
      if (++pages === 2) leaving.abort()
      // Full pages for ever.
      return Array.from({ length: options?.limit ?? 0 }, () => row ?? assert.fail('There is a document.'))
    }
    await assert.rejects(builds.compare(view, key, { signal: leaving.signal }), { name: 'AbortError' })
    assert.equal(pages, 2)
  })

  test('ends with an error when the build is dropped meanwhile', async () => {
    const memory = new MemoryViewStore()
    const { application, builds, key, states } = await openRebuilt(balancesOf(1), { viewStore: memory })
    await using _ = application
    const count = memory.count.bind(memory)
    memory.count = async (of) => {
      if (viewKey(of) === key) await builds.drop(view, key)
      return count(of)
    }
    await errorOf(builds.compare(view, key), 'unknown-view-build')
    assert.deepEqual(await states(), ['BalanceView@1 live'])
  })
})

describe('a query', () => {
  test('that looks up the live build while another one is promoted does not remember the one before', async () => {
    const { viewStore, stopAt } = stoppable()
    let factor = 1
    const opened = openBuilds(
      balancesOf(1, () => factor),
      { viewStore },
    )
    await using _ = opened.application
    await opened.application.start()
    await opened.deposit(5)
    await opened.application.processing.drain('BalanceView@1')
    factor = 2
    const key = await opened.builds.rebuild(view)
    const stop = stopAt('listViews')
    const asking = opened.balance()
    await stop.reached
    await opened.builds.promote(view, key)
    stop.goOn()
    assert.equal(await asking, 10)
    assert.equal(await opened.balance(), 10)
  })

  test('is answered from the new build when another application has promoted it and dropped the one before', async () => {
    const stores = { eventStore: new MemoryEventStore(), viewStore: new MemoryViewStore() }
    const { application, balance, key } = await openRebuilt(balancesOf(1), stores)
    await using _ = application
    assert.equal(await balance(), 5)
    const other = openBuilds(balancesOf(1), stores)
    await using __ = other.application
    await other.application.start()
    await other.builds.promote(view, key)
    await other.builds.drop(view, 'BalanceView@1')
    assert.equal(await balance(), 5)
    assert.deepEqual(await other.states(), ['BalanceView@1.2 live'])
  })
})
