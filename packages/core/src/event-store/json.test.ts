import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeJson } from './json.ts'

describe('encoding JSON', () => {
  test('gives the text, and the value that reading it back gives', () => {
    const values: readonly unknown[] = [
      null,
      true,
      '',
      'half \ud800 😀 \0',
      0,
      -1.5e300,
      [],
      {},
      [1, ['a', { b: null }]],
      { '': 1, '/~': { constructor: [] } },
      JSON.parse('{"__proto__":{"a":1}}'),
      Object.assign(Object.create(null), { a: 1 }),
    ]
    for (const value of values) {
      const { text, value: kept } = encodeJson(value)
      assert.equal(text, JSON.stringify(value))
      assert.equal(JSON.stringify(kept), text)
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(kept)))
    }
  })

  test('leaves out properties that are undefined, and the sign of zero, in text and value alike', () => {
    const { text, value } = encodeJson({ a: undefined, b: [{ c: undefined }], d: -0 })
    assert.equal(text, '{"b":[{}],"d":0}')
    assert.deepEqual(value, { b: [{}], d: 0 })
  })

  test('gives a copy: the writer may go on changing its own objects', () => {
    const data = { list: [1, { a: 'b' }] }
    const { value } = encodeJson(data)
    data.list.length = 0
    assert.deepEqual(value, { list: [1, { a: 'b' }] })
  })

  test('asks a getter once, so that text and value agree', () => {
    let asked = 0
    const data = Object.defineProperty({}, 'count', { enumerable: true, get: () => ++asked })
    const { text, value } = encodeJson(data)
    assert.deepEqual([text, value], ['{"count":1}', { count: 1 }])
  })

  test('keeps a property called __proto__ with an object in it', () => {
    const data = JSON.parse('{"__proto__":{"a":[1]},"b":{"__proto__":"c"}}') as unknown
    const { text, value } = encodeJson(data)
    assert.equal(text, '{"__proto__":{"a":[1]},"b":{"__proto__":"c"}}')
    assert.equal(JSON.stringify(value), text)
    assert.equal((value as { a?: unknown }).a, undefined)
  })

  test('refuses what JSON cannot carry, and points to it', () => {
    class Money {
      readonly amount = 1
    }
    for (const [value, message] of [
      [undefined, 'its data must be plain JSON, got undefined'],
      [Number.NaN, 'its data must be plain JSON, got NaN'],
      [{ a: [0, Number.POSITIVE_INFINITY] }, 'its data at /a/1 must be plain JSON, got Infinity'],
      [[undefined], 'its data at /0 must be plain JSON, got undefined'],
      [new Array(1), 'its data at /0 must be plain JSON, got undefined'],
      [{ 'a/b': { 'c~d': new Date(0) } }, 'its data at /a~1b/c~0d must be plain JSON, got a Date object'],
      [{ a: 1n }, 'its data at /a must be plain JSON, got a bigint'],
      [{ a: () => 1 }, 'its data at /a must be plain JSON, got a function'],
      [{ a: Symbol('s') }, 'its data at /a must be plain JSON, got a symbol'],
      [{ a: new Map() }, 'its data at /a must be plain JSON, got a Map object'],
      [{ a: new Money() }, 'its data at /a must be plain JSON, got a Money object'],
      [{ a: Object.create({}) }, 'its data at /a must be plain JSON, got a Object object'],
      [{ a: { toJSON: () => 1 } }, 'its data at /a must be plain JSON, got a Object object'],
    ] as const) {
      assert.throws(() => encodeJson(value), { name: 'TypeError', message })
    }
  })

  test('refuses what is nested too deep, cycles too', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : { in: nested(levels - 1) })
    assert.ok(encodeJson(nested(200)).text.length > 200)
    assert.throws(() => encodeJson(nested(201)), /nested more than 200 levels deep/)
    const cycle: unknown[] = []
    cycle.push(cycle)
    assert.throws(() => encodeJson(cycle), /nested more than 200 levels deep/)
  })
})
