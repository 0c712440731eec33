/** Every kind of string in names, ids and messages. */

import assert from 'node:assert/strict'
import type { ProgressStore } from '@cim/core'
import { present } from '../conformance/assertions.ts'
import { difficultIds, difficultStrings } from '../conformance/difficult-strings.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { claim, deadLetter, heldIds, park, processorName, puts, startTime, step } from './sample-progress.ts'

const messages = [...difficultStrings.filter((text) => text.isWellFormed()), 'x😀'.repeat(100_000)]

/** @param tests registers tests with the adapter */
export function progressStringTests({ test }: StoreTests<ProgressStore>): void {
  test('every id of an aggregate is told apart from all others', async ({ store }) => {
    await park(store, ...difficultIds.map((id) => deadLetter(id)))
    assert.deepEqual(await heldIds(store), difficultIds)
    for (const aggregateId of difficultIds) {
      assert.deepEqual(await heldIds(store, { filter: { aggregateId } }), [aggregateId])
      assert.equal(await store.retryDeadLetters(processorName, { aggregateId }, startTime), 1)
    }
    const resolves = difficultIds.map(
      (aggregateId) => ({ kind: 'resolve', aggregate: { aggregateType: 'Person', aggregateId } }) as const,
    )
    const claimed = { processorName, epoch: 1 }
    for (const [index, resolve] of resolves.entries()) {
      const expected = { expectedPosition: 1, expectedRevision: difficultIds.length }
      await store.saveProgress(step(claimed, { ...expected, deadLetters: [resolve] }))
      assert.deepEqual(await heldIds(store), difficultIds.slice(index + 1))
    }
  })

  test('every kind of text is kept in what is known of a failure', async ({ store }) => {
    const sequences = messages.map((text, index) =>
      deadLetter(`p-${index}`, {
        failure: { name: text, message: text, code: text, stack: text, eventId: text, eventType: 'Moved' },
      }),
    )
    await park(store, ...sequences)
    assert.deepEqual((await store.listDeadLetters(processorName)).sequences, sequences)
    for (const [index, failureName] of messages.entries()) {
      assert.deepEqual(await heldIds(store, { filter: { failureName } }), [`p-${index}`])
    }
  })

  test('every kind of reason is kept in a record', async ({ store }) => {
    const reasons = messages.filter((text) => text.trim() !== '' && text.length <= 200)
    const claimed = await claim(store)
    for (const [index, reason] of reasons.entries()) {
      const save = step(claimed, { expectedRevision: index, deadLetters: puts(deadLetter('ada')), position: 0 })
      await store.saveProgress(save)
      await store.discardDeadLetters(processorName, {}, { reason, discardedBy: reason, now: startTime })
      const record = present((await store.listDiscarded(processorName, 1))[0])
      assert.deepEqual([record.reason, record.discardedBy], [reason, reason])
    }
    assert.equal((await store.listDiscarded(processorName, 1000)).length, reasons.length)
  })

  test('every name of a processor and of an owner is told apart from all others', async ({ store }) => {
    for (const name of difficultIds) assert.equal((await claim(store, name, name)).epoch, 1)
    for (const [index, name] of difficultIds.entries()) {
      await store.saveProgress(step({ processorName: name, epoch: 1 }, { position: index + 1 }))
    }
    for (const [index, name] of difficultIds.entries()) {
      const progress = present(await store.readProgress(name))
      assert.deepEqual([progress.processorName, progress.owner, progress.position], [name, name, index + 1])
    }
  })
}
