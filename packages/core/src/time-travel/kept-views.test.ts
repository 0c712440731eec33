import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { KeptViews } from './kept-views.ts'

const viewStore = new MemoryViewStore()
const view = (key: string, position: number, characters = 1) => ({ key, position, viewStore, characters })
const positions = (kept: KeptViews, key: string) => [0, 1, 2, 3, 4, 5].map((at) => kept.nearest(key, at)?.position)

describe('kept views', () => {
  test('give the nearest one of the same view that is not later', () => {
    const kept = new KeptViews(10, 100)
    for (const one of [view('A', 3), view('A', 1), view('B', 2)]) kept.keep(one)
    assert.deepEqual(positions(kept, 'A'), [undefined, 1, 1, 3, 3, 3])
    assert.deepEqual(positions(kept, 'B'), [undefined, undefined, 2, 2, 2, 2])
    assert.deepEqual(positions(kept, 'C'), Array(6).fill(undefined))
  })

  test('let those go that were not used for longest', () => {
    const kept = new KeptViews(2, 100)
    kept.keep(view('A', 1))
    kept.keep(view('A', 2))
    assert.equal(kept.nearest('A', 1)?.position, 1)
    kept.keep(view('A', 3))
    assert.equal(kept.size, 2)
    assert.deepEqual(positions(kept, 'A'), [undefined, 1, 1, 3, 3, 3])
  })

  test('are not larger together than they may be', () => {
    const kept = new KeptViews(10, 100)
    kept.keep(view('A', 1, 40))
    kept.keep(view('A', 2, 40))
    kept.keep(view('A', 3, 101))
    assert.equal(kept.size, 2)
    kept.keep(view('A', 4, 60))
    assert.deepEqual(positions(kept, 'A'), [undefined, undefined, 2, 2, 4, 4])
    kept.keep(view('A', 5, 100))
    assert.deepEqual([kept.size, kept.nearest('A', 5)?.position], [1, 5])
  })

  test('may be none', () => {
    const kept = new KeptViews(0, 100)
    kept.keep(view('A', 1))
    assert.deepEqual([kept.size, kept.nearest('A', 1)], [0, undefined])
  })
})
