/** Closing, and opening again. */

import assert from 'node:assert/strict'
import type { ViewDefinition, ViewStore } from '@cim/core'
import { rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { personView, put, visibleView } from './sample-views.ts'

/** @param tests registers tests with the adapter */
export function viewLifetimeTests({ test, durableTest }: StoreTests<ViewStore>): void {
  test('a closed store says so', async ({ store }) => {
    await put(store, [['ada', { name: 'Ada' }]])
    await store.close()
    await store.close()
    for (const action of [
      () => store.openView(personView),
      () => store.getCheckpoint(personView),
      () => store.getMany(personView, ['ada']),
      () => store.find(personView, 'name'),
      () => store.list(personView),
      () => store.count(personView),
      () => store.commit(personView, { expectedCheckpoint: 1, position: 2, changes: [] }),
      () => store.listViews(),
      () => store.promoteView(personView, undefined, 0),
      () => store.dropView(personView),
    ]) {
      await rejectsWithCode(action, 'store-closed')
    }
  })

  test('closing wakes whoever waits for a commit', async ({ store }) => {
    const waiting = store.committed.wait(store.committed.count)
    await store.close()
    await waiting
  })

  durableTest('documents, index entries and checkpoints are there after a restart', async ({ store, restart }) => {
    const second: ViewDefinition = { ...personView, version: 2 }
    await put(store, [
      ['ada', { name: 'Ada', age: 36, tags: ['x', 1] }],
      ['bob', { name: 'Bob 😀 \ud800' }],
    ])
    await put(store, [['bob', { name: 'Robert' }]])
    await put(store, [['ada', { age: 1 }]], second)
    const before = [await visibleView(store), await visibleView(store, second)]
    const reopened = await restart()
    await reopened.openView(personView)
    await reopened.openView(second)
    assert.deepEqual([await visibleView(reopened), await visibleView(reopened, second)], before)
    assert.equal(await put(reopened, [['ada', undefined]]), 3)
    assert.equal(await reopened.count(personView, 'tag', 'x'), 0)
  })
}
