/** Every kind of string as an id, as data and as an index value. */

import assert from 'node:assert/strict'
import type { ViewStore } from '@cim/core'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'
import { difficultStrings } from '../conformance/difficult-strings.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { foundIds, personView, put } from './sample-views.ts'

/** @param tests registers tests with the adapter */
export function viewStringTests({ test }: StoreTests<ViewStore>): void {
  test('every kind of string is kept in documents, as a value and as a key', async ({ store }) => {
    const texts = [...difficultStrings, 'x😀'.repeat(300_000)]
    const documents = texts.map((text, index) => {
      const entries: [string, unknown][] = [[text, text]]
      return [`d-${index}`, Object.fromEntries([...entries, ['list', [text]]])] as const
    })
    const view = { viewName: 'Strings', version: 1, indexes: {} }
    await put(store, documents, view)
    const ids = documents.map(([id]) => id)
    const stored = await store.getMany(view, ids)
    for (const [id, document] of documents) {
      assert.deepEqual(Object.entries(stored.get(id) as object), Object.entries(document))
    }
  })

  test('every well-formed string can be an id, and all are told apart', async ({ store }) => {
    const ids = [...difficultStrings.filter((text) => text.isWellFormed()), 'x😀'.repeat(1000)]
    await put(
      store,
      ids.map((id) => [id, { name: `name of ${id}`, tags: ['all'] }] as const),
    )
    assert.equal(await store.count(personView), ids.length)
    const stored = await store.getMany(personView, ids)
    for (const id of ids) {
      assert.deepEqual(stored.get(id), { name: `name of ${id}`, tags: ['all'] })
      assert.deepEqual(await foundIds(store, 'name', { equals: `name of ${id}` }), [id])
    }
    assert.deepEqual(new Set(await foundIds(store, 'tag', { equals: 'all' })), new Set(ids))
    const [first = '', ...rest] = ids
    await put(store, [[first, undefined]])
    assert.equal(await store.count(personView), rest.length)
  })

  test('every kind of string can be an index value, and is found', async ({ store }) => {
    const values = [...difficultStrings, 'x😀'.repeat(1000)]
    await put(
      store,
      values.map((name, index) => [`d-${index}`, { name }] as const),
    )
    for (const [index, name] of values.entries()) {
      const ids = await foundIds(store, 'name', { equals: name })
      assert.ok(ids.includes(`d-${index}`), JSON.stringify(name))
      // Halves of pairs cannot be told apart from each other.
      if (name.isWellFormed() && !name.includes('\ufffd')) assert.deepEqual(ids, [`d-${index}`])
      assert.ok((await foundIds(store, 'name', { prefix: name })).includes(`d-${index}`))
    }
  })

  test('every JSON value is read as it was committed', async ({ store }) => {
    const view = { viewName: 'Values', version: 1, indexes: {} }
    const value = fc.oneof(fc.jsonValue(), fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }))
    const property = fc.asyncProperty(value, async (document) => {
      await put(store, [['d', document]], view)
      const expected = JSON.parse(JSON.stringify(document)) as unknown
      assert.deepEqual((await store.getMany(view, ['d'])).get('d'), expected)
    })
    await checkProperty(property, 60)
  })
}
