/** A step is saved whole, and only by the newest owner. */

import assert from 'node:assert/strict'
import { type ProgressStore, withSeen } from '@cim/core'
import { present, rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import {
  claim,
  deadLetter,
  heldIds,
  leaseMs,
  park,
  processorName,
  puts,
  startTime,
  step,
  visibleProgress,
} from './sample-progress.ts'

/** @param tests registers tests with the adapter */
export function saveTests({ test }: StoreTests<ProgressStore>): void {
  test('a save moves position, events seen, lease and dead letters', async ({ store }) => {
    const claimed = await claim(store)
    const seen = withSeen({ count: 3, checksum: 4_000_000_000 }, [{ position: 17 }])
    const leaseUntil = startTime + 99_999
    const deadLetters = puts(deadLetter('ada'), deadLetter('bob'))
    await store.saveProgress(step(claimed, { position: 17, seen, leaseUntil, deadLetters }))
    const progress = present(await store.readProgress(processorName))
    assert.deepEqual(progress, {
      processorName,
      position: 17,
      replayUntil: 0,
      seen,
      seenAfter: 0,
      epoch: 1,
      owner: 'first',
      leaseUntil,
      isPaused: false,
      revision: 0,
    })
    assert.deepEqual((await store.listDeadLetters(processorName)).sequences, [deadLetter('ada'), deadLetter('bob')])
    const next = { expectedPosition: 17, position: Number.MAX_SAFE_INTEGER, seen }
    const resolved = { kind: 'resolve', aggregate: { aggregateType: 'Person', aggregateId: 'ada' } } as const
    await store.saveProgress(step(claimed, { ...next, deadLetters: [resolved] }))
    assert.equal(present(await store.readProgress(processorName)).position, Number.MAX_SAFE_INTEGER)
    assert.deepEqual(await heldIds(store), ['bob'])
  })

  test('a save may stay at its position', async ({ store }) => {
    const claimed = await park(store, deadLetter('ada'))
    const deadLetters = puts(deadLetter('ada', { attempts: 3 }))
    await store.saveProgress(step(claimed, { expectedPosition: 1, position: 1, deadLetters }))
    assert.equal((await store.listDeadLetters(processorName)).sequences[0]?.attempts, 3)
  })

  test('what a stale owner saves is refused, and changes nothing', async ({ store }) => {
    const stale = await claim(store)
    const fresh = await claim(store, processorName, 'second', startTime + leaseMs)
    const before = await visibleProgress(store)
    const deadLetters = puts(deadLetter('ada'))
    const fields = { processor: processorName, epoch: 1 }
    await rejectsWithCode(store.saveProgress(step(stale, { deadLetters })), 'stale-owner', fields)
    await rejectsWithCode(store.renewClaim(stale, startTime + 9 * leaseMs), 'stale-owner', fields)
    const unborn = { processorName, epoch: 3 }
    await rejectsWithCode(store.saveProgress(step(unborn, { deadLetters })), 'stale-owner')
    assert.deepEqual(await visibleProgress(store), before)
    await store.saveProgress(step(fresh))
  })

  test('what nobody has claimed cannot be saved', async ({ store }) => {
    const claimed = { processorName, epoch: 1 }
    await rejectsWithCode(store.saveProgress(step(claimed)), 'stale-owner', { processor: processorName })
    await rejectsWithCode(store.renewClaim(claimed, startTime), 'stale-owner')
    await store.releaseClaim(claimed)
    assert.deepEqual(await claim(store), claimed)
  })

  test('a save from another position than the processor has is refused, and changes nothing', async ({ store }) => {
    const claimed = await claim(store)
    await store.saveProgress(step(claimed, { position: 5 }))
    const before = await visibleProgress(store)
    for (const expectedPosition of [0, 4, 6, 100]) {
      const save = step(claimed, { expectedPosition, position: 200, deadLetters: puts(deadLetter('ada')) })
      const fields = { view: processorName, expectedCheckpoint: expectedPosition, actualCheckpoint: 5 }
      await rejectsWithCode(store.saveProgress(save), 'stale-checkpoint', fields)
    }
    assert.deepEqual(await visibleProgress(store), before)
  })

  test('a save that was computed with other dead letters is refused, and changes nothing', async ({ store }) => {
    const claimed = await park(store, deadLetter('ada'))
    await store.retryDeadLetters(processorName, {}, startTime)
    const before = await visibleProgress(store)
    const late = { expectedPosition: 1, position: 2, deadLetters: puts(deadLetter('ada')) }
    for (const expectedRevision of [0, 2]) {
      const save = step(claimed, { ...late, expectedRevision })
      await rejectsWithCode(store.saveProgress(save), 'dead-letters-changed', { processor: processorName })
    }
    assert.deepEqual(await visibleProgress(store), before)
    await store.saveProgress(step(claimed, { ...late, expectedRevision: 1 }))
    assert.deepEqual((await store.listDeadLetters(processorName)).sequences, [deadLetter('ada')])
  })

  test('of many saves from the same position, exactly one wins', async ({ store }) => {
    const claimed = await claim(store)
    const saves = Array.from({ length: 20 }, (_, index) =>
      store.saveProgress(step(claimed, { position: index + 1, deadLetters: puts(deadLetter(`p-${index}`)) })),
    )
    const outcomes = await Promise.allSettled(saves)
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal(present(await store.readProgress(processorName)).position, winner + 1)
    assert.deepEqual(await heldIds(store), [`p-${winner}`])
  })

  test('owners that take over from each other all the time never both save a step', async ({ store }) => {
    let now = startTime
    const saved: number[] = []
    const run = async (owner: string): Promise<void> => {
      for (let turn = 0; turn < 25; turn++) {
        now += leaseMs
        const claimed = await store.claimProcessor(processorName, { owner, now, leaseMs })
        if (claimed === undefined) continue
        const { position = 0 } = (await store.readProgress(processorName)) ?? {}
        const save = step(claimed, { expectedPosition: position, position: position + 1, leaseUntil: now })
        const outcome = await store.saveProgress(save).then(
          () => 'saved',
          (error: { readonly code?: string }) => String(error.code),
        )
        if (outcome === 'saved') saved.push(position + 1)
        else assert.ok(outcome === 'stale-owner' || outcome === 'stale-checkpoint', outcome)
      }
    }
    await Promise.all(['a', 'b', 'c'].map(run))
    assert.deepEqual(
      saved.toSorted((one, other) => one - other),
      Array.from(saved, (_, index) => index + 1),
    )
    assert.equal(present(await store.readProgress(processorName)).position, saved.length)
  })

  test('who changes what was saved or read does not change what is stored', async ({ store }) => {
    const seen = { count: 1, checksum: 2 }
    const failure = { name: 'Error', message: 'no', eventId: 'e', eventType: 'Moved' }
    const sequence = { ...deadLetter('ada'), failure }
    const claimed = await claim(store)
    await store.saveProgress(step(claimed, { seen, deadLetters: puts(sequence, deadLetter('bob', { failure })) }))
    await store.discardDeadLetters(processorName, { aggregateId: 'bob' }, { reason: 'old', now: startTime })
    const expected = structuredClone(await visibleProgress(store))
    const read = [
      sequence,
      failure,
      seen,
      claimed,
      await store.readProgress(processorName),
      (await store.readProgress(processorName))?.seen,
      await store.renewClaim(claimed, startTime + leaseMs),
      ...(await store.listDeadLetters(processorName)).sequences,
      (await store.listDeadLetters(processorName)).sequences[0]?.failure,
      ...(await store.listDiscarded(processorName)),
      (await store.listDiscarded(processorName))[0]?.failure,
    ]
    for (const object of read) spoil(present(object))
    assert.deepEqual(await visibleProgress(store), expected)
  })
}

/** What is frozen stays as it is. */
function spoil(object: object): void {
  for (const name of Object.keys(object)) Reflect.set(object, name, 7)
}
