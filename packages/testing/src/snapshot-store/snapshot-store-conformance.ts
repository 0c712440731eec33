/** The tests that every snapshot store passes. */

import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { AggregateRef, Snapshot, SnapshotStore } from '@cim/core'
import fc from 'fast-check'
import { present } from '../conformance/assertions.ts'
import { checkProperty } from '../conformance/check-property.ts'
import { difficultIds, difficultStrings } from '../conformance/difficult-strings.ts'
import type { OpenStore } from '../conformance/opened-store.ts'
import { type StoreTests, storeTests } from '../conformance/store-tests.ts'

/**
 * Registers with node:test what a snapshot store promises.
 * @param name of the adapter, for the report
 * @param openStore opens an empty store
 */
export function snapshotStoreConformance(name: string, openStore: OpenStore<SnapshotStore>): void {
  describe(`snapshot store: ${name}`, () => snapshotTests(storeTests(openStore)))
}

const ada: AggregateRef = { aggregateType: 'Person', aggregateId: 'ada' }

function snapshot(version: number, state: unknown = { version }, fingerprint = 'f-1'): Snapshot {
  return { version, position: version * 3, timestamp: '2026-01-01T00:00:00.000Z', fingerprint, state }
}

function snapshotTests({ test, durableTest }: StoreTests<SnapshotStore>): void {
  test('the newest snapshot is loaded', async ({ store }) => {
    assert.equal(await store.loadSnapshot(ada, 'f-1'), undefined)
    for (const version of [1, 2, 3]) {
      await store.saveSnapshot(ada, snapshot(version))
      assert.deepEqual(await store.loadSnapshot(ada, 'f-1'), snapshot(version))
    }
    const last = { ...snapshot(Number.MAX_SAFE_INTEGER), position: Number.MAX_SAFE_INTEGER }
    await store.saveSnapshot(ada, last)
    assert.deepEqual(await store.loadSnapshot(ada, 'f-1'), last)
  })

  test('a snapshot of another definition is not there', async ({ store }) => {
    await store.saveSnapshot(ada, snapshot(3))
    for (const fingerprint of ['f-2', '', 'F-1', 'f-1 ']) {
      assert.equal(await store.loadSnapshot(ada, fingerprint), undefined)
    }
    await store.saveSnapshot(ada, snapshot(2, 'new', 'f-2'))
    assert.deepEqual(await store.loadSnapshot(ada, 'f-2'), snapshot(2, 'new', 'f-2'))
    assert.equal(await store.loadSnapshot(ada, 'f-1'), undefined)
  })

  test('aggregates are told apart by type and id', async ({ store }) => {
    const refs = difficultIds.flatMap((aggregateId) =>
      ['Person', 'Team'].map((aggregateType): AggregateRef => ({ aggregateType, aggregateId })),
    )
    for (const [index, ref] of refs.entries()) await store.saveSnapshot(ref, snapshot(index + 1))
    for (const [index, ref] of refs.entries()) {
      assert.deepEqual(await store.loadSnapshot(ref, 'f-1'), snapshot(index + 1))
    }
  })

  test('every JSON value is loaded as it was saved', async ({ store }) => {
    const value = fc.oneof(fc.jsonValue(), fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }))
    const property = fc.asyncProperty(value, async (state) => {
      await store.saveSnapshot(ada, snapshot(1, state))
      const expected = JSON.parse(JSON.stringify(state)) as unknown
      assert.deepEqual(await store.loadSnapshot(ada, 'f-1'), snapshot(1, expected))
    })
    await checkProperty(property, 60)
  })

  test('every kind of string is kept, as a value, as a key and as a fingerprint', async ({ store }) => {
    for (const text of [...difficultStrings, 'x😀'.repeat(300_000)]) {
      const state = Object.fromEntries([
        [text, text],
        ['list', [text]],
      ])
      await store.saveSnapshot(ada, snapshot(1, state))
      const loaded = await store.loadSnapshot(ada, 'f-1')
      assert.deepEqual(Object.entries(loaded?.state as object), Object.entries(state))
    }
  })

  test('a state that is not plain JSON is refused, and the snapshot before stays', async ({ store }) => {
    await store.saveSnapshot(ada, snapshot(1))
    for (const state of [new Map(), { at: new Date(0) }, Number.NaN, 1n]) {
      await assert.rejects(store.saveSnapshot(ada, snapshot(2, state)))
    }
    assert.deepEqual(await store.loadSnapshot(ada, 'f-1'), snapshot(1))
  })

  test('who changes a state that was saved or loaded does not change what is stored', async ({ store }) => {
    const state = { list: [1] }
    const saving = store.saveSnapshot(ada, snapshot(1, state))
    state.list.push(2)
    await saving
    const loaded = present(await store.loadSnapshot(ada, 'f-1')).state as { readonly list: number[] }
    loaded.list.push(3)
    assert.deepEqual((await store.loadSnapshot(ada, 'f-1'))?.state, { list: [1] })
  })

  durableTest('snapshots are there after a restart', async ({ store, restart }) => {
    await store.saveSnapshot(ada, snapshot(5))
    const reopened = await restart()
    assert.deepEqual(await reopened.loadSnapshot(ada, 'f-1'), snapshot(5))
  })
}
