/** Who runs a processor. */

import assert from 'node:assert/strict'
import { nothingSeen, type ProgressStore } from '@cim/core'
import { present, rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { claim, leaseMs, processorName, startTime, step, tryClaim, visibleProgress } from './sample-progress.ts'

/** @param tests registers tests with the adapter */
export function claimTests({ test }: StoreTests<ProgressStore>): void {
  test('of a processor that nobody has ever asked for, nothing is known', async ({ store }) => {
    assert.equal(await store.readProgress(processorName), undefined)
    assert.deepEqual(await store.listDeadLetters(processorName), { sequences: [], next: undefined })
    assert.deepEqual(await store.listDiscarded(processorName), [])
    assert.deepEqual(await store.countDeadLetters(processorName), {
      retryingSequences: 0,
      parkedSequences: 0,
      events: 0,
    })
  })

  test('a free processor is given, at the beginning and with epoch 1', async ({ store }) => {
    assert.deepEqual(await claim(store), { processorName, epoch: 1 })
    assert.deepEqual(await store.readProgress(processorName), {
      processorName,
      position: 0,
      replayUntil: 0,
      seen: nothingSeen,
      seenAfter: 0,
      epoch: 1,
      owner: 'first',
      leaseUntil: startTime + leaseMs,
      isPaused: false,
      revision: 0,
    })
  })

  test('a processor begins where its first owner says, and nowhere else later', async ({ store }) => {
    const request = { owner: 'first', now: startTime, leaseMs, startPosition: 30 }
    const claimed = present(await store.claimProcessor(processorName, request))
    await store.releaseClaim(claimed)
    await store.claimProcessor(processorName, { ...request, startPosition: 50 })
    const { position, seenAfter, replayUntil } = present(await store.readProgress(processorName))
    assert.deepEqual({ position, seenAfter, replayUntil }, { position: 30, seenAfter: 30, replayUntil: 0 })
  })

  test('a processor that was paused before its first owner came begins where that one says', async ({ store }) => {
    await store.setPaused(processorName, true)
    await store.claimProcessor(processorName, { owner: 'first', now: startTime, leaseMs, startPosition: 12 })
    const { position, seenAfter } = present(await store.readProgress(processorName))
    assert.deepEqual([position, seenAfter], [12, 12])
  })

  test('a processor that was moved before its first owner came begins there', async ({ store }) => {
    await store.moveProgress(processorName, 3, startTime)
    await store.claimProcessor(processorName, { owner: 'first', now: startTime, leaseMs, startPosition: 12 })
    const { position, seenAfter } = present(await store.readProgress(processorName))
    assert.deepEqual([position, seenAfter], [3, 3])
  })

  test('a processor that is owned is given to nobody else, and nothing changes', async ({ store }) => {
    await claim(store)
    const before = await visibleProgress(store)
    for (const later of [0, 1, leaseMs - 1]) {
      assert.equal(await tryClaim(store, processorName, 'second', startTime + later), undefined)
    }
    assert.deepEqual(await visibleProgress(store), before)
  })

  test('a processor whose owner shows no sign of life for too long is given to another', async ({ store }) => {
    const first = await claim(store)
    const second = await claim(store, processorName, 'second', startTime + leaseMs)
    assert.equal(second.epoch, 2)
    assert.equal(present(await store.readProgress(processorName)).owner, 'second')
    await rejectsWithCode(store.saveProgress(step(first)), 'stale-owner')
  })

  test('a sign of life keeps the processor, and so does a save', async ({ store }) => {
    const first = await claim(store)
    const renewed = await store.renewClaim(first, startTime + 2 * leaseMs)
    assert.deepEqual(renewed, await store.readProgress(processorName))
    assert.equal(renewed.leaseUntil, startTime + 2 * leaseMs)
    assert.equal(await tryClaim(store, processorName, 'second', startTime + 2 * leaseMs - 1), undefined)
    await store.saveProgress(step(first, { leaseUntil: startTime + 3 * leaseMs }))
    assert.equal(await tryClaim(store, processorName, 'second', startTime + 3 * leaseMs - 1), undefined)
    assert.equal((await claim(store, processorName, 'second', startTime + 3 * leaseMs)).epoch, 2)
  })

  test('the same owner is given its processor again, and its epoch before is over', async ({ store }) => {
    const before = await claim(store)
    const again = await claim(store)
    assert.equal(again.epoch, before.epoch + 1)
    await rejectsWithCode(store.renewClaim(before, startTime + leaseMs), 'stale-owner', { processor: processorName })
    await store.renewClaim(again, startTime + leaseMs)
  })

  test('a processor that was given back is given to another at once', async ({ store }) => {
    await store.releaseClaim(await claim(store))
    const { owner, epoch } = present(await store.readProgress(processorName))
    assert.deepEqual({ owner, epoch }, { owner: undefined, epoch: 1 })
    assert.equal((await claim(store, processorName, 'second')).epoch, 2)
  })

  test('whoever gives back what has passed to another changes nothing', async ({ store }) => {
    const first = await claim(store)
    await claim(store, processorName, 'second', startTime + leaseMs)
    const before = await visibleProgress(store)
    await store.releaseClaim(first)
    assert.deepEqual(await visibleProgress(store), before)
  })

  test('of many that ask at once, exactly one gets the processor', async ({ store }) => {
    const owners = Array.from({ length: 20 }, (_, index) => `owner-${index}`)
    for (const round of [1, 2, 3]) {
      const now = startTime + round * leaseMs
      const claims = await Promise.all(owners.map((owner) => tryClaim(store, processorName, owner, now)))
      assert.equal(claims.filter((given) => given !== undefined).length, 1)
      const winner = claims.findIndex((given) => given !== undefined)
      const { owner, epoch } = present(await store.readProgress(processorName))
      assert.deepEqual({ owner, epoch }, { owner: owners[winner], epoch: round })
    }
  })

  test('processors are claimed each for itself', async ({ store }) => {
    await claim(store)
    assert.deepEqual(await claim(store, 'PersonView@2', 'second'), { processorName: 'PersonView@2', epoch: 1 })
    assert.equal(present(await store.readProgress(processorName)).owner, 'first')
  })

  test('whoever waits is woken by a claim, its return and a save, and not by a claim that is refused', async ({
    store,
  }) => {
    const changes = [
      () => claim(store),
      async () => store.saveProgress(step({ processorName, epoch: 1 })),
      async () => store.releaseClaim({ processorName, epoch: 1 }),
    ]
    for (const change of changes) {
      const waiting = store.committed.wait(store.committed.count)
      await change()
      await waiting
    }
    await claim(store)
    const { count } = store.committed
    await tryClaim(store, processorName, 'second')
    assert.equal(store.committed.count, count)
  })
}
