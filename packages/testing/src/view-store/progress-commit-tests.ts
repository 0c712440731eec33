/** Documents, their checkpoint and the progress of their processor change together, or not at all. */

import assert from 'node:assert/strict'
import { type ProgressSave, type ViewStore, viewKey } from '@cim/core'
import { present, rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import {
  claim,
  deadLetter,
  leaseMs,
  puts,
  startTime,
  step,
  visibleProgress,
} from '../progress-store/sample-progress.ts'
import { foundIds, personView, visibleView } from './sample-views.ts'

const name = viewKey(personView)
const ada = { id: 'ada', before: undefined, after: { name: 'Ada' } }

/** @param tests registers tests with the adapter */
export function progressCommitTests({ test, durableTest }: StoreTests<ViewStore>): void {
  test('a commit with progress saves both', async ({ store }) => {
    const progress = await firstStep(store)
    await store.commit(personView, { expectedCheckpoint: 0, position: 8, changes: [ada], progress })
    assert.equal(await store.getCheckpoint(personView), 8)
    assert.deepEqual(await foundIds(store, 'name'), ['ada'])
    const saved = present(await store.progressStore.readProgress(name))
    const { position, seen, leaseUntil } = saved
    assert.deepEqual({ position, seen, leaseUntil }, { position: 8, seen: progress.seen, leaseUntil: startTime + 99 })
    assert.deepEqual((await store.progressStore.listDeadLetters(name)).sequences, [deadLetter('eve')])
    await store.commit(personView, { expectedCheckpoint: 8, position: 9, changes: [] })
    assert.equal(await store.getCheckpoint(personView), 9)
  })

  test('a commit that is refused for its progress changes neither documents nor progress', async ({ store }) => {
    const progress = await firstStep(store)
    await store.commit(personView, { expectedCheckpoint: 0, position: 8, changes: [ada], progress })
    await store.progressStore.retryDeadLetters(name, {}, startTime)
    const fresh = { ...progress, expectedPosition: 8, expectedRevision: 1, position: 9 }
    const refusals: readonly (readonly [string, ProgressSave])[] = [
      ['stale-owner', { ...fresh, claim: { processorName: name, epoch: 7 } }],
      ['stale-owner', { ...fresh, claim: { processorName: 'nobody', epoch: 1 } }],
      ['stale-checkpoint', { ...fresh, expectedPosition: 7 }],
      ['dead-letters-changed', { ...fresh, expectedRevision: 0 }],
    ]
    const before = await everything(store)
    const changes = [
      { ...ada, before: ada.after, after: undefined },
      { id: 'bob', before: undefined, after: { name: 'Bob' } },
    ]
    for (const [code, refused] of refusals) {
      const commit = { expectedCheckpoint: 8, position: 9, changes, progress: refused }
      await rejectsWithCode(store.commit(personView, commit), code)
      assert.deepEqual(await everything(store), before)
    }
    await store.commit(personView, { expectedCheckpoint: 8, position: 9, changes, progress: fresh })
    assert.deepEqual(await foundIds(store, 'name'), ['bob'])
  })

  test('a commit that is refused for its documents changes neither documents nor progress', async ({ store }) => {
    const progress = await firstStep(store)
    const before = await everything(store)
    const stale = { expectedCheckpoint: 3, position: 8, changes: [ada], progress }
    await rejectsWithCode(store.commit(personView, stale), 'stale-checkpoint', { view: 'PersonView' })
    for (const document of [{ at: new Date(0) }, { tags: [true] }, 1n]) {
      const changes = [ada, { id: 'bob', before: undefined, after: document }]
      await assert.rejects(store.commit(personView, { expectedCheckpoint: 0, position: 8, changes, progress }))
      assert.deepEqual(await everything(store), before)
    }
    await store.commit(personView, { expectedCheckpoint: 0, position: 8, changes: [ada], progress })
  })

  test('an owner that was displaced while it worked commits nothing', async ({ store }) => {
    const progress = await firstStep(store)
    const second = await claim(store.progressStore, name, 'second', startTime + leaseMs)
    const before = await everything(store)
    const commit = { expectedCheckpoint: 0, position: 8, changes: [ada], progress }
    await rejectsWithCode(store.commit(personView, commit), 'stale-owner', { processor: name, epoch: 1 })
    assert.deepEqual(await everything(store), before)
    await store.commit(personView, { ...commit, progress: { ...progress, claim: second } })
  })

  test('of many commits with the same progress, exactly one wins', async ({ store }) => {
    const progress = await firstStep(store)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => {
        const changes = [{ ...ada, id: `p-${index}` }]
        return store.commit(personView, { expectedCheckpoint: 0, position: 8, changes, progress })
      }),
    )
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.deepEqual(await foundIds(store, 'name'), [`p-${winner}`])
  })

  durableTest('documents and progress agree after a restart', async ({ store, restart }) => {
    const progress = await firstStep(store)
    await store.commit(personView, { expectedCheckpoint: 0, position: 8, changes: [ada], progress })
    await store.progressStore.releaseClaim(progress.claim)
    const before = await everything(store)
    const reopened = await restart()
    await reopened.openView(personView)
    assert.deepEqual(await everything(reopened), before)
  })
}

/** @returns the first step of the view's processor, to position 8, with one dead letter */
async function firstStep(store: ViewStore): Promise<ProgressSave> {
  await store.openView(personView)
  return step(await claim(store.progressStore, name), {
    position: 8,
    seen: { count: 5, checksum: 55 },
    leaseUntil: startTime + 99,
    deadLetters: puts(deadLetter('eve')),
  })
}

async function everything(store: ViewStore): Promise<unknown> {
  return [await visibleView(store), await visibleProgress(store.progressStore, name)]
}
