/** Index entries follow their documents. */

import assert from 'node:assert/strict'
import type { ViewStore } from '@cim/core'
import type { StoreTests } from '../conformance/store-tests.ts'
import { found, personView, put } from './sample-views.ts'

/** @param tests registers tests with the adapter */
export function indexTests({ test }: StoreTests<ViewStore>): void {
  test('entries move when a document changes', async ({ store }) => {
    await put(store, [['ada', { name: 'Ada', age: 36 }]])
    await put(store, [['ada', { name: 'Countess', age: 36 }]])
    assert.deepEqual(await found(store, 'name'), [['Countess', 'ada']])
    assert.deepEqual(await found(store, 'age'), [[36, 'ada']])
    await put(store, [['ada', { age: 37 }]])
    assert.deepEqual(await found(store, 'name'), [])
    assert.deepEqual(await found(store, 'age'), [[37, 'ada']])
    await put(store, [['ada', { name: 'Ada', age: null }]])
    assert.deepEqual(await found(store, 'name'), [['Ada', 'ada']])
    assert.deepEqual(await found(store, 'age'), [])
  })

  test('entries vanish with their document, and come back with it', async ({ store }) => {
    await put(store, [
      ['ada', { name: 'Ada', tags: ['x', 'y'] }],
      ['bob', { name: 'Ada', tags: ['x'] }],
    ])
    await put(store, [['ada', undefined]])
    assert.deepEqual(await found(store, 'name', { equals: 'Ada' }), [['Ada', 'bob']])
    assert.deepEqual(await found(store, 'tag'), [['x', 'bob']])
    await put(store, [['ada', undefined]])
    await put(store, [['ada', { tags: ['y'] }]])
    assert.deepEqual(await found(store, 'tag'), [
      ['x', 'bob'],
      ['y', 'ada'],
    ])
    assert.equal(await store.count(personView), 2)
  })

  test('a document with several values is found once under each', async ({ store }) => {
    await put(store, [['ada', { tags: ['b', 'a', 'b', 1, 'a', 1] }]])
    const expected = [
      [1, 'ada'],
      ['a', 'ada'],
      ['b', 'ada'],
    ]
    assert.deepEqual(await found(store, 'tag'), expected)
    assert.deepEqual(await found(store, 'tag', { from: 'a' }), expected.slice(1))
    await put(store, [['ada', { tags: ['c', 'b'] }]])
    assert.deepEqual(await found(store, 'tag'), [
      ['b', 'ada'],
      ['c', 'ada'],
    ])
    await put(store, [['ada', { tags: [] }]])
    assert.deepEqual(await found(store, 'tag'), [])
  })

  test('a document without a value is not found through the index', async ({ store }) => {
    await put(store, [
      ['none', {}],
      ['null', { age: null }],
      ['zero', { age: 0, name: '' }],
    ])
    assert.deepEqual(await found(store, 'age'), [[0, 'zero']])
    assert.deepEqual(await found(store, 'name'), [['', 'zero']])
    assert.equal((await store.list(personView)).length, 3)
  })

  test('documents may be any JSON value, for which the index functions allow', async ({ store }) => {
    const view = { viewName: 'Anything', version: 1, indexes: { self: (document: unknown) => String(document) } }
    const documents = [null, true, 0, 'text', [1, [2]], {}] as const
    await put(
      store,
      documents.map((document, index) => [`d-${index}`, document] as const),
      view,
    )
    assert.deepEqual(
      (await store.list(view)).map((row) => row.view),
      documents,
    )
    await put(store, [['d-0', undefined]], view)
    const rows = await store.find(view, 'self')
    assert.deepEqual(
      rows.map(({ value }) => value),
      ['0', '1,2', '[object Object]', 'text', 'true'],
    )
  })
}
