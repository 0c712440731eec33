/** Builds of a view beside each other, of which queries read one. */

import assert from 'node:assert/strict'
import { isCimError, type StoredView, type ViewDefinition, type ViewStore, viewKey } from '@cim/core'
import { rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { found, personView, put, visibleView } from './sample-views.ts'

const now = Date.UTC(2026, 5, 1)
const at = '2026-06-01T00:00:00.000Z'
const later = '2026-06-01T00:00:00.007Z'
const second: ViewDefinition = { ...personView, version: 2 }
const rebuilt: ViewDefinition = { ...personView, version: 2, build: 2 }

/** @param tests registers tests with the adapter */
export function buildTests({ test, durableTest }: StoreTests<ViewStore>): void {
  test('a new view is being built', async ({ store }) => {
    assert.deepEqual(await store.listViews(), [])
    await store.openView(personView)
    await store.openView({ ...personView, build: 1 })
    const listed = { viewName: 'PersonView', version: 1, build: 1, state: 'building', checkpoint: 0 }
    const neverPromoted = { promotedAt: undefined, promotion: undefined }
    assert.deepEqual(await store.listViews(), [{ ...listed, ...neverPromoted }])
    await put(store, [])
    assert.deepEqual(await store.listViews(), [{ ...listed, checkpoint: 1, ...neverPromoted }])
  })

  test('builds of one view keep their documents, indexes and checkpoints each for themselves', async ({ store }) => {
    const views = [1, 2, 10].flatMap((version) => [1, 2, 11].map((build) => ({ ...personView, version, build })))
    for (const [index, view] of views.entries()) {
      await put(store, [['ada', { name: `Ada ${index}` }]], view)
      if (index % 2 === 0) await put(store, [[`p-${index}`, { name: `Person ${index}` }]], view)
    }
    for (const [index, view] of views.entries()) {
      const expected = [[`Ada ${index}`, 'ada'], ...(index % 2 === 0 ? [[`Person ${index}`, `p-${index}`]] : [])]
      assert.deepEqual(await found(store, 'name', {}, view), expected)
      assert.equal(await store.getCheckpoint(view), expected.length)
      assert.equal(await store.count(view), expected.length)
    }
  })

  test('names that look like others, and like builds of others, are told apart', async ({ store }) => {
    const names = ['View', 'VIEW', 'view', 'View_v1', 'View_v1_b2', 'View_v1_index', 'view_1', 'views', 'processors']
    const views = names.flatMap((viewName) => [1, 2].map((build) => ({ ...personView, viewName, build })))
    for (const view of views) await put(store, [['d', { name: viewKey(view) }]], view)
    for (const view of views) assert.deepEqual(await found(store, 'name', {}, view), [[viewKey(view), 'd']])
    assert.equal((await store.listViews()).length, views.length)
    for (const view of views) {
      await store.dropView(view)
      await store.openView(view)
      assert.equal(await store.count(view), 0)
      await store.dropView(view)
    }
    assert.deepEqual(await store.listViews(), [])
  })

  test('views are listed by name, version and build, of one name or of all', async ({ store }) => {
    const views = [
      ['B', 1, 1],
      ['a', 1, 2],
      ['a', 2, 1],
      ['a', 10, 1],
      ['a', 10, 9],
      ['a', 10, 10],
    ] as const
    for (const [viewName, version, build] of views.toReversed()) {
      await store.openView({ ...personView, viewName, version, build })
    }
    const keys = async (name?: string) =>
      (await store.listViews(name)).map((one) => [one.viewName, one.version, one.build])
    assert.deepEqual(await keys(), views)
    assert.deepEqual(await keys('a'), views.slice(1))
    assert.deepEqual(await keys('A'), [])
  })

  test('a build is promoted, retires the one before, and is rolled back', async ({ store }) => {
    for (const view of [personView, second, rebuilt, { ...personView, viewName: 'Other' }]) await store.openView(view)
    await store.promoteView(personView, undefined, now)
    await store.promoteView({ ...personView, viewName: 'Other' }, undefined, now)
    assert.deepEqual(await states(store), ['live', 'building', 'building'])
    await store.promoteView(rebuilt, 'PersonView@1', now + 7)
    assert.deepEqual(await states(store), ['retired', 'building', 'live'])
    const promoted = (await store.listViews('PersonView')).map(({ promotedAt }) => promotedAt)
    assert.deepEqual(promoted, [at, undefined, later])
    await store.promoteView(personView, 'PersonView@2.2', now + 7)
    assert.deepEqual(await states(store), ['live', 'building', 'retired'])
    assert.equal((await store.listViews('PersonView'))[0]?.promotedAt, later)
    assert.equal((await store.listViews('Other'))[0]?.state, 'live')
  })

  test('promotions are counted among all builds of a view, whatever the clock does', async ({ store }) => {
    const other = { ...personView, viewName: 'Other' }
    for (const view of [personView, second, rebuilt, other]) await store.openView(view)
    await store.promoteView(personView, undefined, now)
    await store.promoteView(rebuilt, 'PersonView@1', now - 1000)
    await store.promoteView(second, 'PersonView@2.2', now - 2000)
    await store.promoteView(other, undefined, now)
    assert.deepEqual(await promotions(store), [1, 3, 2])
    await store.promoteView(rebuilt, 'PersonView@2', now - 3000)
    assert.deepEqual(await promotions(store), [1, 3, 4])
    await store.dropView(second)
    await store.promoteView(personView, 'PersonView@2.2', now - 4000)
    assert.deepEqual(await promotions(store), [5, 4])
    assert.equal((await store.listViews('Other'))[0]?.promotion, 1)
  })

  test('a build that was dropped or never made is not promoted, and is not made by that', async ({ store }) => {
    await store.openView(personView)
    await store.openView(second)
    await store.promoteView(personView, undefined, now)
    await store.dropView(second)
    const before = await store.listViews()
    for (const view of [second, rebuilt]) {
      await rejectsWithCode(store.promoteView(view, 'PersonView@1', now), 'unknown-view', {
        unknownName: viewKey(view),
      })
    }
    assert.deepEqual(await store.listViews(), before)
  })

  test('of a promotion and a drop of one build at once, one wins and the other is told', async ({ store }) => {
    await store.openView(personView)
    await store.promoteView(personView, undefined, now)
    for (const isDropFirst of [true, false]) {
      await store.openView(second)
      const drop = () => store.dropView(second)
      const promote = () => store.promoteView(second, 'PersonView@1', now)
      const order = isDropFirst ? [drop, promote] : [promote, drop]
      const [first, late] = await Promise.allSettled(order.map((change) => change()))
      assert.equal(first?.status, 'fulfilled')
      assert.equal(codeOf(late), isDropFirst ? 'unknown-view' : 'view-live')
      assert.deepEqual(await states(store), isDropFirst ? ['live'] : ['retired', 'live'])
    }
  })

  test('a build that has not seen enough is not promoted', async ({ store }) => {
    await put(store, [['ada', { name: 'Ada' }]])
    const notReady = { view: 'PersonView@1', position: 1, headPosition: 2 }
    await rejectsWithCode(store.promoteView(personView, undefined, now, 2), 'view-not-ready', notReady)
    assert.deepEqual(await states(store), ['building'])
    await store.promoteView(personView, undefined, now, 1)
    assert.deepEqual(await states(store), ['live'])
  })

  test('a view that must exist is opened when it does, and is not made when it does not', async ({ store }) => {
    await rejectsWithCode(store.openView(personView, { mustExist: true }), 'unknown-view')
    assert.deepEqual(await store.listViews(), [])
    await put(store, [['ada', { name: 'Ada' }]])
    await store.openView(personView, { mustExist: true })
    assert.equal(await store.count(personView), 1)
    await store.dropView(personView)
    await rejectsWithCode(store.openView(personView, { mustExist: true }), 'unknown-view')
    assert.deepEqual(await store.listViews(), [])
  })

  test('a view that was not opened, or was dropped, is not made by whatever else is done with it', async ({
    store,
  }) => {
    await store.openView(second)
    await store.dropView(second)
    for (const view of [personView, second]) {
      for (const use of [
        () => store.getCheckpoint(view),
        () => store.getMany(view, ['ada']),
        () => store.find(view, 'name'),
        () => store.list(view),
        () => store.count(view),
        () => store.commit(view, { expectedCheckpoint: 0, position: 1, changes: [] }),
      ]) {
        await rejectsWithCode(use(), 'unknown-view')
      }
    }
    assert.deepEqual(await store.listViews(), [])
  })

  test('a build that is live already can be promoted again', async ({ store }) => {
    await store.openView(personView)
    await store.promoteView(personView, undefined, now)
    await store.promoteView(personView, 'PersonView@1', now + 7)
    const [only] = await store.listViews()
    assert.deepEqual([only?.state, only?.promotedAt], ['live', later])
  })

  test('a promotion that expected another build to be live is refused, and changes nothing', async ({ store }) => {
    await store.openView(personView)
    await store.openView(second)
    await rejectsWithCode(store.promoteView(second, 'PersonView@1', now), 'view-promoted', { view: 'PersonView@2' })
    assert.deepEqual(await states(store), ['building', 'building'])
    await store.promoteView(personView, undefined, now)
    const before = await store.listViews()
    for (const expected of [undefined, 'PersonView@2', 'PersonView@1.2', '']) {
      await rejectsWithCode(store.promoteView(second, expected, now), 'view-promoted')
    }
    assert.deepEqual(await store.listViews(), before)
  })

  test('of many that promote at once, exactly one wins', async ({ store }) => {
    const views = Array.from({ length: 10 }, (_, index) => ({ ...personView, build: index + 1 }))
    for (const view of views) await store.openView(view)
    let live: string | undefined
    for (let round = 0; round < 3; round++) {
      const expected = live
      const outcomes = await Promise.allSettled(views.map((view) => store.promoteView(view, expected, now)))
      const winners = views.filter((_, index) => outcomes[index]?.status === 'fulfilled')
      // The live one that is promoted again leaves it live, so the next one may follow.
      assert.ok(winners.length === 1 || (winners.length === 2 && winners.some((view) => viewKey(view) === expected)))
      const lives = (await store.listViews()).filter(({ state }) => state === 'live')
      assert.equal(lives.length, 1)
      live = lives[0] && viewKey(lives[0])
      assert.ok(winners.some((view) => viewKey(view) === live))
    }
  })

  test('whoever waits is woken by a promotion', async ({ store }) => {
    await store.openView(personView)
    const waiting = store.committed.wait(store.committed.count)
    await store.promoteView(personView, undefined, now)
    await waiting
  })

  test('documents go on to change in builds that are live or retired', async ({ store }) => {
    await put(store, [['ada', { name: 'Ada' }]])
    await store.openView(second)
    await store.promoteView(personView, undefined, now)
    await put(store, [['ada', { name: 'Countess' }]])
    await store.promoteView(second, 'PersonView@1', now)
    await put(store, [['ada', { name: 'Lovelace' }]])
    assert.deepEqual(await found(store, 'name'), [['Lovelace', 'ada']])
    assert.equal(await store.getCheckpoint(personView), 3)
  })

  durableTest('builds and their states are there after a restart', async ({ store, restart }) => {
    for (const view of [personView, second, rebuilt]) await put(store, [['ada', { name: viewKey(view) }]], view)
    await store.promoteView(personView, undefined, now)
    await store.promoteView(second, 'PersonView@1', now)
    const before: readonly StoredView[] = await store.listViews()
    const reopened = await restart()
    assert.deepEqual(await reopened.listViews(), before)
    for (const view of [personView, second, rebuilt]) {
      await reopened.openView(view)
      assert.deepEqual(await found(reopened, 'name', {}, view), [[viewKey(view), 'ada']])
    }
    await rejectsWithCode(reopened.promoteView(rebuilt, undefined, now), 'view-promoted')
    assert.notDeepEqual(await visibleView(reopened, rebuilt), await visibleView(reopened, second))
  })
}

function codeOf(outcome: PromiseSettledResult<unknown> | undefined): string | undefined {
  return outcome?.status === 'rejected' && isCimError(outcome.reason) ? outcome.reason.code : undefined
}

async function promotions(store: ViewStore): Promise<readonly (number | undefined)[]> {
  return (await store.listViews('PersonView')).map(({ promotion }) => promotion)
}

async function states(store: ViewStore): Promise<readonly string[]> {
  return (await store.listViews('PersonView')).map(({ state }) => state)
}
