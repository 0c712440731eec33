/** Random commits and reads, compared with a model that is too simple to be wrong. */

import assert from 'node:assert/strict'
import type { FindOptions, IndexValue, ViewDefinition, ViewStore } from '@cim/core'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { found, type PersonDocument, personView, put } from './sample-views.ts'

const ids = ['a', 'b', 'c', '😀', '\uffff', '__proto__', '10', '9']
const text = fc.constantFrom('', 'a', 'ab', 'b', 'A', '😀', '😀a', '\uffff', '\u{10ffff}', '\ud800', '1', '10', '2')
const number = fc.constantFrom(-1.5, 0, 1, 2, 10, 1e300)
const value: fc.Arbitrary<IndexValue> = fc.oneof(text, number)
const document: fc.Arbitrary<PersonDocument> = fc.record(
  { name: text, age: fc.option(number), tags: fc.array(value, { maxLength: 4 }) },
  { requiredKeys: [], noNullPrototype: true },
)
const commits = fc.array(
  fc.uniqueArray(fc.tuple(fc.constantFrom(...ids), fc.option(document, { nil: undefined, freq: 3 })), {
    selector: ([id]) => id,
    maxLength: 5,
  }),
  { minLength: 1, maxLength: 6 },
)
const limit = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined })
const after = fc.option(fc.record({ value: wellFormed(value), id: fc.constantFrom('', ...ids) }), { nil: undefined })
const condition: fc.Arbitrary<FindOptions> = fc.oneof(
  fc.constant({}),
  value.map((equals) => ({ equals })),
  text.map((prefix) => ({ prefix })),
  fc.record({ from: value, before: value }, { requiredKeys: [] }),
)
const finds = fc.array(fc.tuple(fc.constantFrom('name', 'age', 'tag'), condition, limit, after), { maxLength: 8 })

/** @param tests registers tests with the adapter */
export function modelTests({ test }: StoreTests<ViewStore>): void {
  test('after any commits, everything that can be read is what the model says', async ({ store }) => {
    let runs = 0
    const property = fc.asyncProperty(commits, finds, async (changes, questions) => {
      const view: ViewDefinition = { ...personView, version: ++runs }
      const model = new Map<string, PersonDocument>()
      for (const [round, commit] of changes.entries()) {
        assert.equal(await put(store, commit, view), round + 1)
        for (const [id, after] of commit) {
          if (after === undefined) model.delete(id)
          else model.set(id, after)
        }
        await assertSame(store, view, model)
      }
      for (const [index, options, limited, from] of questions) {
        const wanted = {
          ...options,
          ...(limited === undefined ? undefined : { limit: limited }),
          ...(from === undefined ? undefined : { after: from }),
        }
        assert.deepEqual(await found(store, index, wanted, view), expectedRows(model, index, wanted))
      }
    })
    await checkProperty(property, 60)
  })
}

async function assertSame(store: ViewStore, view: ViewDefinition, model: ReadonlyMap<string, PersonDocument>) {
  const listed = [...model].map(([id, person]) => ({ id, view: person }))
  assert.deepEqual(
    await store.list(view),
    listed.sort((one, other) => compareText(one.id, other.id)),
  )
  assert.deepEqual(await store.getMany(view, ids), new Map([...model].filter(([id]) => ids.includes(id))))
  assert.equal(await store.count(view), model.size)
  for (const index of ['name', 'age', 'tag']) {
    const rows = expectedRows(model, index, {})
    assert.deepEqual(await found(store, index, {}, view), rows)
    assert.equal(await store.count(view, index), new Set(rows.map(([, id]) => id)).size)
  }
}

type Row = readonly [value: IndexValue, id: string]

function expectedRows(model: ReadonlyMap<string, PersonDocument>, index: string, wanted: FindOptions): readonly Row[] {
  const rows: Row[] = []
  for (const [id, { name, age, tags }] of model) {
    const values = index === 'name' ? [name] : index === 'age' ? [age] : (tags ?? [])
    for (const one of new Set(values.map((item) => clean(item ?? undefined)))) {
      if (one !== undefined && isWanted(one, wanted)) rows.push([one, id])
    }
  }
  rows.sort((one, other) => compareValues(one[0], other[0]) || compareText(one[1], other[1]))
  const first = rows.findIndex(
    ([one, id]) =>
      wanted.after === undefined || (compareValues(one, wanted.after.value) || compareText(id, wanted.after.id)) > 0,
  )
  return first < 0 ? [] : rows.slice(first, first + (wanted.limit ?? 1000))
}

function isWanted(value: IndexValue, { equals, prefix, from, before }: FindOptions): boolean {
  if (equals !== undefined) return value === clean(equals)
  if (prefix !== undefined) return typeof value === 'string' && value.startsWith(prefix.toWellFormed())
  return (
    (from === undefined || compareValues(value, clean(from)) >= 0) &&
    (before === undefined || compareValues(value, clean(before)) < 0)
  )
}

function clean<TValue extends IndexValue | undefined>(value: TValue): TValue {
  return (typeof value === 'string' ? value.toWellFormed() : value) as TValue
}

function compareValues(one: IndexValue, other: IndexValue): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other
  if (typeof one === 'string' && typeof other === 'string') return compareText(one, other)
  return typeof one === 'number' ? -1 : 1
}

/** The order of code points is the order of bytes in UTF-8. */
function compareText(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

function wellFormed(values: fc.Arbitrary<IndexValue>): fc.Arbitrary<IndexValue> {
  return values.map((item) => clean(item))
}
