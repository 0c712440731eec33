/** Listing, counting, and views that are told apart. */

import assert from 'node:assert/strict'
import type { ViewDefinition, ViewStore } from '@cim/core'
import { rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { found, personView, put, visibleView } from './sample-views.ts'

/** @param tests registers tests with the adapter */
export function listTests({ test }: StoreTests<ViewStore>): void {
  test('documents are listed by id in code point order, page by page', async ({ store }) => {
    const ids = ['', '\0', ' ', '0', '10', '2', 'A', 'B', 'a', 'aa', 'é', '\ue000', '\uffff', '😀', '\u{10ffff}']
    await put(
      store,
      ids.toReversed().map((id) => [id, { name: id }] as const),
    )
    const listed = async (options?: { readonly afterId?: string; readonly limit?: number }) =>
      (await store.list(personView, options)).map(({ id }) => id)
    assert.deepEqual(await listed(), ids)
    assert.deepEqual(
      await store.list(personView, { limit: 2 }),
      ids.slice(0, 2).map((id) => ({ id, view: { name: id } })),
    )
    for (const limit of [1, 4, 15, 100]) {
      const seen = await listed({ limit })
      for (;;) {
        const afterId = seen.at(-1) ?? ''
        const page = await listed({ afterId, limit })
        if (page.length === 0) break
        seen.push(...page)
        assert.ok(page.length <= limit && seen.length <= ids.length, 'pages come to an end')
      }
      assert.deepEqual(seen, ids)
    }
    assert.deepEqual(await listed({ afterId: 'Z' }), ids.slice(8))
  })

  test('a list holds 1,000 documents unless the limit says otherwise', async ({ store }) => {
    await put(
      store,
      Array.from({ length: 1200 }, (_, index) => [`p-${index}`, {}] as const),
    )
    assert.equal((await store.list(personView)).length, 1000)
    assert.equal((await store.list(personView, { limit: 10_000 })).length, 1200)
    for (const limit of [0, -1, 1.5, 10_001]) {
      await rejectsWithCode(store.list(personView, { limit }), 'invalid-option', { option: 'limit' })
    }
    await rejectsWithCode(store.list(personView, { after: 'p-1' } as object), 'invalid-option', { option: 'after' })
  })

  test('documents are counted, all of them or those found under a value', async ({ store }) => {
    await put(store, [
      ['a', { name: 'Ada', tags: ['x', 'y', 1] }],
      ['b', { name: 'Ada', tags: ['x'] }],
      ['c', { name: 'Bob', tags: [] }],
    ])
    assert.equal(await store.count(personView), 3)
    assert.equal(await store.count(personView, 'name', 'Ada'), 2)
    assert.equal(await store.count(personView, 'name', 'Eve'), 0)
    assert.equal(await store.count(personView, 'tag', 'x'), 2)
    assert.equal(await store.count(personView, 'tag', '1'), 0)
    assert.equal(await store.count(personView, 'tag'), 2)
    await put(store, [['a', undefined]])
    assert.equal(await store.count(personView), 2)
    assert.equal(await store.count(personView, 'tag', 'x'), 1)
  })

  test('another version of a view is another view', async ({ store }) => {
    const second: ViewDefinition = {
      ...personView,
      version: 2,
      indexes: { age: personView.indexes.age ?? (() => null) },
    }
    await put(store, [['ada', { name: 'Ada', age: 1 }]])
    await store.openView(second)
    assert.equal(await store.getCheckpoint(second), 0)
    assert.deepEqual(await store.list(second), [])
    const before = await visibleView(store)
    await put(store, [['ada', { age: 2 }]], second)
    await put(store, [['bob', { age: 3 }]], second)
    assert.deepEqual(await visibleView(store), before)
    assert.deepEqual(await found(store, 'age', {}, second), [
      [2, 'ada'],
      [3, 'bob'],
    ])
    assert.equal(await store.getCheckpoint(second), 2)
    await rejectsWithCode(store.find(second, 'name'), 'unknown-index', { unknownName: 'name' })
  })

  test('views are told apart by name, whatever the name', async ({ store }) => {
    const names = [
      'PersonView',
      'personview',
      'PersonView_v1',
      'P',
      'P1',
      'sqlite_master',
      'select',
      'views',
      'constructor',
      'x'.repeat(100),
    ]
    const views = names.flatMap((viewName) =>
      [1, 11].map((version): ViewDefinition => ({ ...personView, viewName, version })),
    )
    for (const [index, view] of views.entries()) {
      await put(store, [['same', { name: `${view.viewName} ${view.version}`, age: index }]], view)
    }
    for (const [index, view] of views.entries()) {
      assert.deepEqual(await found(store, 'age', {}, view), [[index, 'same']])
      assert.equal(await store.count(view), 1)
      assert.equal(await store.getCheckpoint(view), 1)
    }
  })
}
