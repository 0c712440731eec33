/** What outlives a restart. */

import assert from 'node:assert/strict'
import type { ProgressStore } from '@cim/core'
import { present, rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { various } from './dead-letter-list-tests.ts'
import { claim, processorName, puts, startTime, step, visibleProgress } from './sample-progress.ts'

/** So long after its lease has run out, a claim is over whatever the clocks of two processes say. */
const hourMs = 3_600_000

/** @param tests registers tests with the adapter */
export function progressLifetimeTests({ durableTest }: StoreTests<ProgressStore>): void {
  durableTest('progress, dead letters and records are there after a restart', async ({ store, restart }) => {
    const claimed = await claim(store)
    const seen = { count: 12, checksum: 4_294_967_295 }
    await store.saveProgress(step(claimed, { position: 77, seen, deadLetters: puts(...various) }))
    await store.setPaused(processorName, true)
    await store.retryDeadLetters(processorName, { aggregateId: 'cy' }, startTime)
    await store.discardDeadLetters(processorName, { aggregateId: 'bob' }, { reason: 'old', now: startTime })
    await store.releaseClaim(claimed)
    const before = await visibleProgress(store)
    const reopened = await restart()
    assert.deepEqual(await visibleProgress(reopened), before)
    await rejectsWithCode(reopened.renewClaim({ processorName, epoch: 2 }, startTime), 'stale-owner')
  })

  durableTest('epochs go on after a restart, and the owner before is refused', async ({ store, restart }) => {
    const before = await claim(store)
    const reopened = await restart()
    const after = await claim(reopened, processorName, 'second', startTime + hourMs)
    assert.equal(after.epoch, 2)
    await rejectsWithCode(reopened.saveProgress(step(before)), 'stale-owner')
    await reopened.saveProgress(step(after))
    assert.equal(present(await reopened.readProgress(processorName)).position, 1)
  })
}
