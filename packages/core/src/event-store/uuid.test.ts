import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createUuidGenerator, deriveUuid } from './uuid.ts'

const version7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const version8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('generated ids', () => {
  test('are UUIDs of version 7 with the time in front', () => {
    const newId = createUuidGenerator(() => 0x0123456789ab)
    const id = newId()
    assert.match(id, version7)
    assert.ok(id.startsWith('01234567-89ab-7'))
    assert.match(createUuidGenerator()(), version7)
    assert.match(createUuidGenerator(() => 0)(), /^00000000-0000-7/)
  })

  test('are a million different ones that rise, however often the clock ticks', () => {
    for (const callsPerTick of [1, 1000, 10_000, Number.POSITIVE_INFINITY]) {
      let calls = 0
      const newId = createUuidGenerator(() => 1_767_225_600_000 + Math.floor(calls++ / callsPerTick))
      let before = ''
      for (let index = 0; index < 250_000; index++) {
        const id = newId()
        if (!(id > before)) assert.fail(`${id} follows ${before}`)
        before = id
      }
      assert.match(before, version7)
    }
  })

  test('rise even when the clock goes back', () => {
    let time = 1_767_225_600_000
    const newId = createUuidGenerator(() => time)
    const ids = [newId()]
    for (const step of [5, -1000, 0, 1, -86_400_000, 2000]) {
      time += step
      ids.push(newId(), newId())
    }
    assert.deepEqual(ids, [...ids].sort())
    assert.equal(new Set(ids).size, ids.length)
  })

  test('of many generators with the same clock are all different', () => {
    const ids = new Set<string>()
    for (let generator = 0; generator < 1000; generator++) {
      const newId = createUuidGenerator(() => 0)
      for (let index = 0; index < 10; index++) ids.add(newId())
    }
    assert.equal(ids.size, 10_000)
  })
})

describe('derived ids', () => {
  test('are the same for the same name, in each process and version', () => {
    const id = deriveUuid('Person', 'c-1')
    assert.match(id, version8)
    // Stored aggregates are found again by ids like these.
    assert.equal(id, 'e6f860bc-752c-89f2-899b-e51d786440fd')
    assert.equal(deriveUuid('Person', '0198c0de-1234-7abc-8def-000000000001'), '0198c0de-1234-7094-acd3-99cee84ef8e3')
  })

  test('differ by scope and by name', () => {
    const names = [
      'c-1',
      'c-2',
      '',
      '😀',
      '0198c0de-1234-7abc-8def-000000000001',
      '0198c0de-1234-7abc-8def-000000000002',
    ]
    const ids = ['Person', 'Team', 'person'].flatMap((scope) => names.map((name) => deriveUuid(scope, name)))
    assert.equal(new Set(ids).size, ids.length)
  })

  test('keep the time of a name that has one', () => {
    const newId = createUuidGenerator(() => 1_767_225_600_000)
    for (let index = 0; index < 100; index++) {
      const name = newId()
      const id = deriveUuid('Person', name)
      assert.match(id, version7)
      assert.equal(id.slice(0, 13), name.slice(0, 13))
      assert.notEqual(id, name)
      assert.equal(deriveUuid('Person', name), id)
    }
    // A UUID of version 4 has no time.
    assert.match(deriveUuid('Person', '0198c0de-1234-4abc-8def-000000000001'), version8)
  })
})
