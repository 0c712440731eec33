/** Documents and their checkpoint change together, or not at all. */

import assert from 'node:assert/strict'
import type { ViewDefinition, ViewStore } from '@cim/core'
import { rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { foundIds, personView, put, visibleView } from './sample-views.ts'

/** @param tests registers tests with the adapter */
export function commitTests({ test }: StoreTests<ViewStore>): void {
  test('a new view is empty and has seen nothing', async ({ store }) => {
    await store.openView(personView)
    await store.openView(personView)
    assert.equal(await store.getCheckpoint(personView), 0)
    assert.deepEqual(await store.getMany(personView, ['ada']), new Map())
    assert.deepEqual(await store.list(personView), [])
    assert.deepEqual(await store.find(personView, 'name'), [])
    assert.equal(await store.count(personView), 0)
  })

  test('a commit changes documents, index entries and the checkpoint', async ({ store }) => {
    await store.openView(personView)
    const ada = { name: 'Ada', age: 36, nested: { list: [1, null, { deep: true }] } }
    const changes = [
      { id: 'ada', before: undefined, after: ada },
      { id: 'bob', before: undefined, after: { name: 'Bob' } },
    ]
    await store.commit(personView, { expectedCheckpoint: 0, position: 17, changes })
    assert.equal(await store.getCheckpoint(personView), 17)
    const expected = new Map<string, unknown>([
      ['ada', ada],
      ['bob', { name: 'Bob' }],
    ])
    assert.deepEqual(await store.getMany(personView, ['bob', 'nobody', 'ada', 'ada']), expected)
    assert.deepEqual(await store.find(personView, 'name', { equals: 'Ada' }), [{ value: 'Ada', id: 'ada', view: ada }])
    const next = [
      { id: 'ada', before: ada, after: { name: 'Countess' } },
      { id: 'bob', before: { name: 'Bob' }, after: undefined },
    ]
    await store.commit(personView, { expectedCheckpoint: 17, position: 9_007_199_254_740_991, changes: next })
    assert.equal(await store.getCheckpoint(personView), 9_007_199_254_740_991)
    assert.deepEqual(await store.list(personView), [{ id: 'ada', view: { name: 'Countess' } }])
    assert.deepEqual(await foundIds(store, 'name'), ['ada'])
  })

  test('what a commit changes is told to who listens, after it is done and before it is notified', async ({
    store,
  }) => {
    await store.openView(personView)
    const { changes: feed } = store
    // A store may leave it out: see the port.
    if (feed === undefined) return
    const told: unknown[] = []
    const stop = feed.listen(({ view, ...what }) => {
      told.push({ ...what, viewName: view.viewName, notified: store.committed.count - start })
    })
    const start = store.committed.count
    const changes = [{ id: 'ada', before: undefined, after: { name: 'Ada' } }]
    await store.commit(personView, { expectedCheckpoint: 0, position: 3, changes })
    await rejectsWithCode(store.commit(personView, { expectedCheckpoint: 0, position: 4, changes }), 'stale-checkpoint')
    stop()
    await store.commit(personView, { expectedCheckpoint: 3, position: 4, changes: [] })
    assert.deepEqual(told, [{ position: 3, changes, viewName: personView.viewName, notified: 0 }])
    assert.equal(store.committed.count - start, 2)
    assert.equal(feed.isHeard, false)
  })

  test('a commit without changes moves the checkpoint on', async ({ store }) => {
    await store.openView(personView)
    await store.commit(personView, { expectedCheckpoint: 0, position: 5, changes: [] })
    await store.commit(personView, { expectedCheckpoint: 5, position: 1000, changes: [] })
    assert.equal(await store.getCheckpoint(personView), 1000)
  })

  test('a commit of which one document fails changes nothing', async ({ store }) => {
    await put(store, [
      ['ada', { name: 'Ada', tags: ['x'] }],
      ['bob', { name: 'Bob' }],
    ])
    const before = await visibleView(store)
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const impossible: readonly unknown[] = [
      { at: new Date(0) },
      { name: 'Eve', map: new Map() },
      { count: 1n },
      { count: Number.NaN },
      () => 1,
      cycle,
      // These are plain JSON, but not what an index can be over.
      { name: { given: 'Eve' } },
      { tags: ['x', true] },
      { tags: [null] },
    ]
    for (const document of impossible) {
      const attempt = put(store, [
        ['ada', { name: 'Countess', tags: ['y'] }],
        ['bob', undefined],
        ['eve', document],
        ['zoe', { name: 'Zoe' }],
      ])
      await assert.rejects(attempt)
      assert.deepEqual(await visibleView(store), before)
    }
    await put(store, [['eve', { name: 'Eve' }]])
    assert.deepEqual(await foundIds(store, 'name'), ['ada', 'bob', 'eve'])
  })

  test('an index function that fails changes nothing', async ({ store }) => {
    const indexes = {
      first: () => 'there',
      name: ({ name }: { readonly name: string }) => name.toUpperCase(),
    }
    const view: ViewDefinition = { viewName: 'Picky', version: 1, indexes }
    await put(store, [['ada', { name: 'Ada' }]], view)
    const before = await visibleView(store, view)
    await assert.rejects(
      put(
        store,
        [
          ['bob', { name: 'Bob' }],
          ['eve', { name: 5 }],
        ],
        view,
      ),
    )
    assert.deepEqual(await visibleView(store, view), before)
  })

  test('a commit on another checkpoint than the view has is refused and changes nothing', async ({ store }) => {
    await put(store, [['ada', { name: 'Ada' }]])
    const before = await visibleView(store)
    const changes = [{ id: 'ada', before: { name: 'Ada' }, after: undefined }]
    for (const expectedCheckpoint of [0, 2, 100]) {
      const commit = store.commit(personView, { expectedCheckpoint, position: 200, changes })
      await rejectsWithCode(commit, 'stale-checkpoint', { expectedCheckpoint, actualCheckpoint: 1, view: 'PersonView' })
    }
    assert.deepEqual(await visibleView(store), before)
  })

  test('of many that commit on the same checkpoint, exactly one wins', async ({ store }) => {
    await store.openView(personView)
    const commits = Array.from({ length: 20 }, (_, index) => {
      const changes = [{ id: `p-${index}`, before: undefined, after: { name: 'x' } }]
      return store.commit(personView, { expectedCheckpoint: 0, position: index + 1, changes })
    })
    const outcomes = await Promise.allSettled(commits)
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.deepEqual(await foundIds(store, 'name'), [`p-${winner}`])
    assert.equal(await store.getCheckpoint(personView), winner + 1)
  })

  test('whoever waits for a commit is woken and sees it', async ({ store }) => {
    await store.openView(personView)
    for (let round = 1; round <= 3; round++) {
      const waiting = store.committed.wait(store.committed.count).then(() => store.getCheckpoint(personView))
      const position = await put(store, [['ada', { age: round }]])
      assert.equal(await waiting, position)
    }
  })

  test('a large commit is stored whole', async ({ store }) => {
    const documents = Array.from(
      { length: 5000 },
      (_, index) => [`p-${index}`, { age: index, tags: [index % 7] }] as const,
    )
    await put(store, documents)
    assert.equal(await store.count(personView), 5000)
    assert.equal(await store.count(personView, 'tag', 3), 714)
    const ids = documents.map(([id]) => id)
    assert.deepEqual(await store.getMany(personView, ids), new Map<string, unknown>(documents))
  })

  test('a reader that changes a document does not change what is stored', async ({ store }) => {
    const document = { name: 'Ada', tags: ['x'] }
    await put(store, [['ada', document]])
    const expected = await visibleView(store)
    document.tags.push('y')
    const reads = [
      (await store.getMany(personView, ['ada'])).get('ada'),
      ...(await store.list(personView)).map(({ view }) => view),
      ...(await store.find(personView, 'name')).map(({ view }) => view),
    ]
    assert.equal(reads.length, 3)
    for (const read of reads as { name: string; readonly tags: string[] }[]) {
      read.name = 'spoiled'
      read.tags.push('spoiled')
    }
    assert.deepEqual(await visibleView(store), expected)
  })
}
