/** Dead letters that somebody retries or gives up. */

import assert from 'node:assert/strict'
import type { ProgressStore } from '@cim/core'
import { present, rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { filters, various } from './dead-letter-list-tests.ts'
import {
  claim,
  deadLetter,
  heldIds,
  park,
  processorName,
  puts,
  startTime,
  step,
  visibleProgress,
} from './sample-progress.ts'

const now = Date.UTC(2026, 5, 1)
const at = '2026-06-01T00:00:00.000Z'

/** @param tests registers tests with the adapter */
export function deadLetterChangeTests({ test }: StoreTests<ProgressStore>): void {
  test('a retry makes what the filter gives due now, and leaves everything in its place', async ({ store }) => {
    const claimed = await park(store, ...various)
    let expectedRevision = 0
    for (const [filter, meant] of filters) {
      await store.saveProgress(step(claimed, { expectedPosition: 1, expectedRevision, deadLetters: puts(...various) }))
      assert.equal(await store.retryDeadLetters(processorName, filter, now), meant.length)
      if (meant.length > 0) expectedRevision++
      const expected = various.map((sequence) =>
        meant.includes(sequence) ? { ...sequence, state: 'retrying', nextAttemptAt: at } : sequence,
      )
      assert.deepEqual((await store.listDeadLetters(processorName)).sequences, expected)
      assert.equal(present(await store.readProgress(processorName)).revision, expectedRevision)
    }
  })

  test('what is given up is gone, and a record of it is kept', async ({ store }) => {
    await park(store, ...various)
    const options = { reason: 'they were tests', discardedBy: 'eve', now }
    assert.equal(await store.discardDeadLetters(processorName, { aggregateType: 'Person' }, options), 3)
    assert.deepEqual((await store.listDeadLetters(processorName)).sequences, [various[2]])
    const record = { reason: 'they were tests', discardedBy: 'eve', discardedAt: at }
    const expected = [various[3], various[1], various[0]].map((sequence) => ({ ...sequence, ...record }))
    assert.deepEqual(await store.listDiscarded(processorName), expected)
    assert.equal(await store.discardDeadLetters(processorName, {}, { reason: 'the last', now: now + 1 }), 1)
    const last = { reason: 'the last', discardedBy: undefined, discardedAt: '2026-06-01T00:00:00.001Z' }
    assert.deepEqual(await store.listDiscarded(processorName, 2), [{ ...various[2], ...last }, expected[0]])
    assert.deepEqual(await heldIds(store), [])
  })

  test('of a sequence, only the event that failed may be given up, and those behind it are due', async ({ store }) => {
    await park(store, deadLetter('ada'), deadLetter('bob', { toSequence: 3, toPosition: 30, eventCount: 1 }))
    const options = { reason: 'broken', isFirstOnly: true, now }
    assert.equal(await store.discardDeadLetters(processorName, {}, options), 2)
    const rest = { fromSequence: 4, fromPosition: 31, eventCount: 4, attempts: 0, nextAttemptAt: at } as const
    const { sequences } = await store.listDeadLetters(processorName)
    assert.deepEqual(sequences, [deadLetter('ada', { ...rest, state: 'retrying' })])
    const given = { toSequence: 3, toPosition: 30, eventCount: 1 }
    const record = { reason: 'broken', discardedBy: undefined, discardedAt: at }
    assert.deepEqual(await store.listDiscarded(processorName), [
      { ...deadLetter('bob', given), ...record },
      { ...deadLetter('ada', given), ...record },
    ])
  })

  test('the revision rises when somebody retries, gives up or moves, and through nothing else', async ({ store }) => {
    const revision = async () => present(await store.readProgress(processorName)).revision
    const claimed = await park(store, ...various)
    await store.renewClaim(claimed, startTime)
    await store.setPaused(processorName, true)
    await store.retryDeadLetters(processorName, { aggregateId: 'nobody' }, now)
    await store.discardDeadLetters(processorName, { aggregateId: 'nobody' }, { reason: 'none', now })
    assert.equal(await revision(), 0)
    await store.retryDeadLetters(processorName, {}, now)
    assert.equal(await revision(), 1)
    await store.discardDeadLetters(processorName, { aggregateId: 'cy' }, { reason: 'one', now })
    await store.discardDeadLetters(processorName, {}, { reason: 'the first of all', isFirstOnly: true, now })
    assert.equal(await revision(), 3)
    await store.releaseClaim(claimed)
    await store.moveProgress(processorName, 0, now)
    await claim(store)
    assert.equal(await revision(), 4)
  })

  test('nothing is retried or given up of a processor that nobody has ever run', async ({ store }) => {
    assert.equal(await store.retryDeadLetters('nobody', {}, now), 0)
    assert.equal(await store.discardDeadLetters('nobody', {}, { reason: 'none', now }), 0)
    assert.equal(await store.readProgress('nobody'), undefined)
  })

  test('other processors keep their dead letters', async ({ store }) => {
    await park(store, deadLetter('ada'))
    await park(store, deadLetter('ada', {}, 'PersonView@2'))
    const before = await visibleProgress(store, 'PersonView@2')
    await store.retryDeadLetters(processorName, {}, now)
    await store.discardDeadLetters(processorName, {}, { reason: 'old', now })
    assert.deepEqual(await visibleProgress(store, 'PersonView@2'), before)
  })

  test('whoever waits is woken when dead letters are changed, and only then', async ({ store }) => {
    await park(store, ...various)
    const { count } = store.committed
    await store.retryDeadLetters(processorName, { aggregateId: 'nobody' }, now)
    assert.equal(store.committed.count, count)
    const waiting = store.committed.wait(count)
    await store.retryDeadLetters(processorName, {}, now)
    await waiting
  })

  test('a misspelled filter and a missing reason are refused, and nothing changes', async ({ store }) => {
    await park(store, ...various)
    const before = await visibleProgress(store)
    const reason = 'x'
    for (const filter of [{ aggregateID: 'ada' }, { type: 'Person' }]) {
      await rejectsWithCode(store.retryDeadLetters(processorName, filter as object, now), 'invalid-option')
      const discard = store.discardDeadLetters(processorName, filter as object, { reason, now })
      await rejectsWithCode(discard, 'invalid-option')
    }
    await rejectsWithCode(store.retryDeadLetters(processorName, { state: 1 } as object, now), 'validation')
    const unknown = { reason, now, firstOnly: true }
    await rejectsWithCode(store.discardDeadLetters(processorName, {}, unknown), 'invalid-option')
    for (const wrong of [
      { reason: '' },
      { reason: '  ' },
      { reason: 'x'.repeat(1001) },
      { reason: undefined },
      { reason, discardedBy: '' },
      { reason, discardedBy: 'x'.repeat(201) },
    ]) {
      const discard = store.discardDeadLetters(processorName, {}, { ...wrong, now } as { reason: string; now: number })
      await rejectsWithCode(discard, 'validation')
    }
    assert.deepEqual(await visibleProgress(store), before)
  })
}
