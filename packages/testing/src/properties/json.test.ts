/** What holds for every JSON value. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { canonicalJson, differencesBetween, encodeJson, hashText } from '@cim/core'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'

const json = fc.oneof(fc.jsonValue(), fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }))

describe('any JSON value', () => {
  test('is encoded to what JSON makes of it', async () => {
    const anything = fc.anything({ withNullPrototype: true })
    const property = fc.asyncProperty(fc.oneof(json, anything), async (data) => {
      let encoded: ReturnType<typeof encodeJson>
      try {
        encoded = encodeJson(data)
      } catch (error) {
        assert.ok(error instanceof TypeError)
        return
      }
      assert.equal(encoded.text, JSON.stringify(data))
      // Comparing as text: a value without a prototype is kept as it is.
      assert.equal(JSON.stringify(encoded.value), encoded.text)
      assert.equal(canonicalJson(JSON.parse(encoded.text)), canonicalJson(encoded.value))
      assert.deepEqual(differencesBetween(JSON.parse(encoded.text), encoded.value), [])
    })
    await checkProperty(property, 500)
  })

  test('is never refused', async () => {
    const property = fc.asyncProperty(json, async (data) => {
      assert.deepEqual(JSON.parse(encodeJson(data).text), JSON.parse(JSON.stringify(data)))
    })
    await checkProperty(property, 300)
  })

  test('has the same canonical text and hash in any order of its properties', async () => {
    const property = fc.asyncProperty(json, fc.infiniteStream(fc.nat()), async (data, order) => {
      const other = shuffled(data, order)
      assert.equal(canonicalJson(other), canonicalJson(data))
      assert.equal(hashText(canonicalJson(other)), hashText(canonicalJson(data)))
      assert.deepEqual(differencesBetween(data, other), [])
    })
    await checkProperty(property, 300)
  })

  test('has another canonical text than any value that is not equal', async () => {
    const property = fc.asyncProperty(json, json, async (one, other) => {
      const isEqual = differencesBetween(plain(one), plain(other)).length === 0
      assert.equal(canonicalJson(one) === canonicalJson(other), isEqual)
    })
    await checkProperty(property, 300)
  })
})

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

/** The same value with the properties of its objects in another order. */
function shuffled(value: unknown, order: fc.Stream<number>): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, order))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item, order)] as const)
  const ranked = entries.map((entry) => [order.next().value ?? 0, entry] as const)
  ranked.sort(([one], [other]) => one - other)
  return Object.fromEntries(ranked.map(([, entry]) => entry))
}
