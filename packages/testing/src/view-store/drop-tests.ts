/** A build that is deleted leaves nothing behind. */

import assert from 'node:assert/strict'
import { type ViewDefinition, type ViewStore, viewKey } from '@cim/core'
import { present, rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { claim, deadLetter, puts, startTime, step, visibleProgress } from '../progress-store/sample-progress.ts'
import { personView, put, visibleView } from './sample-views.ts'

const name = viewKey(personView)
const rebuilt: ViewDefinition = { ...personView, build: 2 }

/** @param tests registers tests with the adapter */
export function dropTests({ test, durableTest }: StoreTests<ViewStore>): void {
  test('a build is dropped with its documents, progress and dead letters, and others keep theirs', async ({
    store,
  }) => {
    await fill(store, personView)
    await fill(store, rebuilt)
    const before = [await visibleView(store, rebuilt), await visibleProgress(store.progressStore, viewKey(rebuilt))]
    await store.dropView({ viewName: 'PersonView', version: 1 })
    assert.deepEqual((await store.listViews()).map(viewKey), [viewKey(rebuilt)])
    assert.deepEqual(
      [await visibleView(store, rebuilt), await visibleProgress(store.progressStore, viewKey(rebuilt))],
      before,
    )
    await assertForgotten(store)
    await store.openView(personView)
    assert.equal((await store.listViews('PersonView'))[0]?.state, 'building')
    assert.equal(await store.getCheckpoint(personView), 0)
    assert.deepEqual(await store.list(personView), [])
    for (const index of Object.keys(personView.indexes)) {
      assert.deepEqual([await store.find(personView, index), await store.count(personView, index)], [[], 0])
    }
    await put(store, [['ada', { name: 'Ada again' }]])
    assert.equal(await store.count(personView, 'name', 'Ada again'), 1)
  })

  test('a view that was dropped is built anew, and its owner before can save nothing', async ({ store }) => {
    const before = await fill(store, personView)
    await store.dropView(personView)
    await store.openView(personView)
    const fresh = await claim(store.progressStore, name)
    const progress = present(await store.progressStore.readProgress(name))
    const first = step(fresh, { expectedRevision: progress.revision })
    for (const expectedRevision of [progress.revision, 0]) {
      const late = step(before, { expectedRevision })
      await rejectsWithCode(store.progressStore.saveProgress(late), 'stale-owner')
      const commit = { expectedCheckpoint: 0, position: 1, changes: [], progress: late }
      await rejectsWithCode(store.commit(personView, commit), 'stale-owner')
    }
    await store.commit(personView, { expectedCheckpoint: 0, position: 1, changes: [], progress: first })
    assert.equal(await store.getCheckpoint(personView), 1)
  })

  test('a commit to a view that was dropped is refused', async ({ store }) => {
    await put(store, [['ada', { name: 'Ada' }]])
    await store.dropView(personView)
    const changes = [{ id: 'ada', before: { name: 'Ada' }, after: { name: 'Countess' } }]
    await assert.rejects(store.commit(personView, { expectedCheckpoint: 1, position: 2, changes }))
    await store.openView(personView)
    assert.equal(await store.count(personView), 0)
  })

  test('a build that is live is not dropped, and nothing changes', async ({ store }) => {
    await fill(store, personView)
    await store.promoteView(personView, undefined, startTime)
    const before = [await visibleView(store), await visibleProgress(store.progressStore, name), await store.listViews()]
    await rejectsWithCode(store.dropView(personView), 'view-live', { view: name })
    assert.deepEqual(
      [await visibleView(store), await visibleProgress(store.progressStore, name), await store.listViews()],
      before,
    )
  })

  test('a build that is retired is dropped', async ({ store }) => {
    await fill(store, personView)
    await store.openView(rebuilt)
    await store.promoteView(personView, undefined, startTime)
    await store.promoteView(rebuilt, name, startTime)
    await store.dropView(personView)
    await assertForgotten(store)
    assert.deepEqual((await store.listViews()).map(viewKey), [viewKey(rebuilt)])
  })

  test('to drop what is not there does nothing', async ({ store }) => {
    await fill(store, personView)
    const before = [await visibleView(store), await visibleProgress(store.progressStore, name), await store.listViews()]
    for (const view of [rebuilt, { viewName: 'PersonView', version: 3 }, { viewName: 'personview', version: 1 }]) {
      await store.dropView(view)
    }
    assert.deepEqual(
      [await visibleView(store), await visibleProgress(store.progressStore, name), await store.listViews()],
      before,
    )
  })

  durableTest('what was dropped is not there after a restart', async ({ store, restart }) => {
    await fill(store, personView)
    await store.dropView(personView)
    const reopened = await restart()
    assert.deepEqual(await reopened.listViews(), [])
    await assertForgotten(reopened)
  })
}

/** Fills everything that a view can have. @returns the claim of its processor */
async function fill(store: ViewStore, view: ViewDefinition) {
  const key = viewKey(view)
  await store.openView(view)
  const claimed = await claim(store.progressStore, key)
  const progress = step(claimed, { deadLetters: puts(deadLetter('eve', {}, key), deadLetter('bob', {}, key)) })
  const changes = [{ id: 'ada', before: undefined, after: { name: 'Ada', age: 36, tags: ['x', 1] } }]
  await store.commit(view, { expectedCheckpoint: 0, position: 1, changes, progress })
  await store.progressStore.discardDeadLetters(key, { aggregateId: 'bob' }, { reason: 'old', now: startTime })
  return claimed
}

/** But its epoch may be known, so that what its last owner saves late is refused. */
async function assertForgotten({ progressStore }: ViewStore): Promise<void> {
  const progress = await progressStore.readProgress(name)
  assert.deepEqual([progress?.position ?? 0, progress?.seen.count ?? 0, progress?.owner], [0, 0, undefined])
  assert.deepEqual((await progressStore.listDeadLetters(name)).sequences, [])
  assert.deepEqual(await progressStore.listDiscarded(name), [])
}
