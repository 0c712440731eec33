/** Finding documents by the values of an index. */

import assert from 'node:assert/strict'
import type { FindOptions, ViewStore } from '@cim/core'
import { rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { found, foundIds, personView, put } from './sample-views.ts'

/** @param tests registers tests with the adapter */
export function findTests({ test }: StoreTests<ViewStore>): void {
  test('documents are found by exactly equal values, numbers and strings apart', async ({ store }) => {
    await put(store, [
      ['number', { tags: [1] }],
      ['string', { tags: ['1'] }],
      ['decimal', { tags: [1.5, '1.0', ' 1'] }],
      ['both', { tags: [1, '1'] }],
      ['zero', { tags: [0] }],
    ])
    assert.deepEqual(await foundIds(store, 'tag', { equals: 1 }), ['both', 'number'])
    assert.deepEqual(await foundIds(store, 'tag', { equals: '1' }), ['both', 'string'])
    assert.deepEqual(await foundIds(store, 'tag', { equals: 1.5 }), ['decimal'])
    assert.deepEqual(await foundIds(store, 'tag', { equals: '1.0' }), ['decimal'])
    assert.deepEqual(await foundIds(store, 'tag', { equals: 2 }), [])
    assert.deepEqual(await foundIds(store, 'tag', { equals: -0 }), ['zero'])
    assert.deepEqual(await foundIds(store, 'tag', { equals: '' }), [])
  })

  test('numbers come in their order, before all strings in theirs, equal values by id', async ({ store }) => {
    const numbers = [-Number.MAX_VALUE, -1e21, -5, -0.5, 0, 5e-324, 0.1, 2, 10, 2 ** 53 - 1, 1e21, Number.MAX_VALUE]
    const strings = [
      '',
      '\0',
      ' ',
      '-5',
      '0',
      '10',
      '2',
      'A',
      'a',
      'a\0',
      'a ',
      'aa',
      'é',
      '\ue000',
      '\ufffd',
      '\uffff',
      '😀',
      '\u{10ffff}',
    ]
    const values = [...numbers, ...strings]
    // In another order than the one that is expected, with two ids each.
    await put(
      store,
      values.flatMap((value, index) => [
        [`b-${values.length - index}`, { tags: [value] }] as const,
        [`a-${index}`, { tags: [value] }] as const,
      ]),
    )
    const expected = values.flatMap((value, index) => [
      [value, `a-${index}`],
      [value, `b-${values.length - index}`],
    ])
    assert.deepEqual(await found(store, 'tag'), expected)
    const between = async (options: FindOptions) => (await found(store, 'tag', options)).map(([value]) => value)
    const twice = (items: readonly (string | number)[]) => items.flatMap((item) => [item, item])
    for (const [index, from] of values.entries()) {
      assert.deepEqual(await between({ from }), twice(values.slice(index)))
      assert.deepEqual(await between({ before: from }), twice(values.slice(0, index)))
      const before = values[index + 3]
      if (before !== undefined) assert.deepEqual(await between({ from, before }), twice(values.slice(index, index + 3)))
      assert.deepEqual(await between({ from, before: from }), [])
    }
  })

  test('strings are found by their beginning, exactly', async ({ store }) => {
    const values = [
      '',
      'a',
      'A',
      'ab',
      'aé',
      'a%',
      'a_b',
      'a\uffff',
      'a😀',
      'a😀b',
      'a\u{10ffff}',
      'a\u{10ffff}z',
      'b',
      '\u{10ffff}',
      '\ud7ff',
      '\ue000',
    ]
    await put(
      store,
      values.map((value, index) => [`p-${String(index).padStart(2, '0')}`, { tags: [value, index] }] as const),
    )
    for (const prefix of [...values, 'x', 'a\u{10ffff}\u{10ffff}', '%', 'a_']) {
      const rows = await found(store, 'tag', { prefix })
      const expected = values.filter((value) => value.startsWith(prefix))
      assert.deepEqual(new Set(rows.map(([value]) => value)), new Set(expected), JSON.stringify(prefix))
      assert.equal(rows.length, expected.length)
    }
    // Numbers have no beginning.
    assert.deepEqual(await found(store, 'tag', { prefix: '1' }), [])
    assert.deepEqual(await found(store, 'age', { prefix: '' }), [])
  })

  test('pages follow each other without a gap or a duplicate', async ({ store }) => {
    await put(
      store,
      Array.from({ length: 50 }, (_, index) => [`p-${index}`, { tags: [index % 3, 'all', `${index % 4}`] }] as const),
    )
    for (const options of [{}, { equals: 'all' }, { equals: 2 }, { prefix: '' }, { from: 1, before: '2' }]) {
      const whole = await found(store, 'tag', options)
      assert.ok(whole.length > 10)
      for (const limit of [1, 7, 150]) {
        const rows: (readonly [unknown, string])[] = []
        for (;;) {
          const last = rows.at(-1) as readonly [string | number, string] | undefined
          const after = last === undefined ? undefined : { after: { value: last[0], id: last[1] } }
          const page = await found(store, 'tag', { ...options, ...after, limit })
          rows.push(...page)
          assert.ok(rows.length <= whole.length, 'pages come to an end')
          if (page.length < limit) break
        }
        assert.deepEqual(rows, whole)
      }
    }
  })

  test('a page goes on after a row that is gone', async ({ store }) => {
    await put(store, [
      ['a', { age: 1 }],
      ['b', { age: 1 }],
      ['c', { age: 2 }],
    ])
    await put(store, [['b', undefined]])
    assert.deepEqual(await foundIds(store, 'age', { after: { value: 1, id: 'b' } }), ['c'])
    assert.deepEqual(await foundIds(store, 'age', { after: { value: 1, id: '' } }), ['a', 'c'])
    assert.deepEqual(await foundIds(store, 'age', { equals: 1, after: { value: 1, id: 'a' } }), [])
  })

  test('a page holds 1,000 rows unless the limit says otherwise', async ({ store }) => {
    await put(
      store,
      Array.from({ length: 1200 }, (_, index) => [`p-${index}`, { age: index }] as const),
    )
    assert.equal((await store.find(personView, 'age')).length, 1000)
    assert.equal((await store.find(personView, 'age', { limit: 1200 })).length, 1200)
    assert.equal((await store.find(personView, 'age', { limit: 1 })).length, 1)
  })

  test('options that are unknown, contradict each other or are out of range are errors', async ({ store }) => {
    await store.openView(personView)
    const wrong: readonly (readonly [string, object])[] = [
      ['equal', { equal: 1 }],
      ['equals', { equals: 1, prefix: 'a' }],
      ['equals', { equals: 1, from: 1 }],
      ['equals', { prefix: 'a', before: 'b' }],
      ['limit', { limit: 0 }],
      ['limit', { limit: 10_001 }],
      ['limit', { limit: 1.5 }],
      ['index value', { equals: Number.NaN }],
      ['index value', { from: Number.POSITIVE_INFINITY }],
      ['index value', { equals: true }],
      ['index value', { before: null }],
    ]
    for (const [option, options] of wrong) {
      await rejectsWithCode(store.find(personView, 'name', options), 'invalid-option', { option })
    }
  })

  test('an index that the view does not have is an error that names it', async ({ store }) => {
    await store.openView(personView)
    for (const unknownName of ['nam', 'Name', '', 'constructor', 'toString', '__proto__']) {
      await rejectsWithCode(store.find(personView, unknownName), 'unknown-index', { unknownName })
      await rejectsWithCode(store.count(personView, unknownName), 'unknown-index', { unknownName })
      await rejectsWithCode(store.count(personView, unknownName, 1), 'unknown-index', { unknownName })
    }
  })
}
