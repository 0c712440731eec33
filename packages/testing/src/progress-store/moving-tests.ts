/** Pausing a processor, and moving it. */

import assert from 'node:assert/strict'
import { nothingSeen, type ProgressStore } from '@cim/core'
import { present, rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import {
  claim,
  deadLetter,
  leaseMs,
  park,
  processorName,
  puts,
  startTime,
  step,
  visibleProgress,
} from './sample-progress.ts'

/** From 100: to where it is moved, and until where events are replays then. */
const moves = [
  [40, 100],
  [0, 100],
  [500, 100],
  [90, 500],
] as const

/** @param tests registers tests with the adapter */
export function movingTests({ test }: StoreTests<ProgressStore>): void {
  test('a processor is paused and resumed, and is told so at its next sign of life', async ({ store }) => {
    const claimed = await claim(store)
    const before = present(await store.readProgress(processorName))
    for (const isPaused of [true, true, false]) {
      await store.setPaused(processorName, isPaused)
      assert.deepEqual(await store.readProgress(processorName), { ...before, isPaused })
      assert.equal((await store.renewClaim(claimed, before.leaseUntil)).isPaused, isPaused)
    }
    await store.saveProgress(step(claimed))
  })

  test('a processor that nobody has ever run can be paused', async ({ store }) => {
    await store.setPaused(processorName, true)
    const { isPaused, epoch, owner } = present(await store.readProgress(processorName))
    assert.deepEqual({ isPaused, epoch, owner }, { isPaused: true, epoch: 0, owner: undefined })
  })

  test('a processor stays paused when it is claimed, saved, given back and moved', async ({ store }) => {
    await store.setPaused(processorName, true)
    const claimed = await claim(store)
    await store.saveProgress(step(claimed))
    await store.releaseClaim(claimed)
    await store.moveProgress(processorName, 0, startTime)
    assert.equal(present(await store.readProgress(processorName)).isPaused, true)
  })

  test('a processor that is moved forgets what it has seen and what it holds back, and not how far it was', async ({
    store,
  }) => {
    const claimed = await claim(store)
    const seen = { count: 9, checksum: 99 }
    await store.saveProgress(step(claimed, { position: 100, seen, deadLetters: puts(deadLetter('ada')) }))
    await store.releaseClaim(claimed)
    for (const [index, [position, replayed]] of moves.entries()) {
      await store.moveProgress(processorName, position, startTime)
      const progress = present(await store.readProgress(processorName))
      const { epoch, revision, owner, replayUntil, seenAfter } = progress
      assert.deepEqual([progress.position, progress.seen], [position, nothingSeen])
      assert.deepEqual([epoch, revision], [2 + index, 1 + index])
      assert.deepEqual([owner, replayUntil, seenAfter], [undefined, replayed, position])
      assert.deepEqual((await store.listDeadLetters(processorName)).sequences, [])
    }
  })

  test('the records of what was given up are there after a move', async ({ store }) => {
    await store.releaseClaim(await park(store, deadLetter('ada')))
    await store.discardDeadLetters(processorName, {}, { reason: 'old', now: startTime })
    await store.moveProgress(processorName, 0, startTime)
    assert.equal((await store.listDiscarded(processorName)).length, 1)
  })

  test('a processor that is run is not moved', async ({ store }) => {
    const claimed = await park(store, deadLetter('ada'))
    const before = await visibleProgress(store)
    const fields = { processor: processorName }
    await rejectsWithCode(store.moveProgress(processorName, 0, startTime + leaseMs - 1), 'processor-owned', fields)
    assert.deepEqual(await visibleProgress(store), before)
    await store.saveProgress(step(claimed, { expectedPosition: 1 }))
  })

  test('an owner that showed no sign of life for too long does not save after a move', async ({ store }) => {
    const claimed = await claim(store)
    await store.moveProgress(processorName, 0, startTime + leaseMs)
    await rejectsWithCode(store.saveProgress(step(claimed)), 'stale-owner')
    await rejectsWithCode(store.renewClaim(claimed, startTime), 'stale-owner')
    assert.equal((await claim(store)).epoch, 3)
  })

  test('a position that cannot be is refused', async ({ store }) => {
    for (const position of [-1, 0.5, Number.NaN, 2 ** 53]) {
      await rejectsWithCode(store.moveProgress(processorName, position, startTime), 'invalid-option')
    }
    assert.equal(await store.readProgress(processorName), undefined)
  })
}
