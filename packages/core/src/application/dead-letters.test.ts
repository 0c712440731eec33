import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorOf } from '../sample-account.test.ts'
import { openOperations } from './sample-operations.test.ts'

const a1 = { aggregateType: 'Account', aggregateId: 'a-1' }
const reason = 'Imported by mistake.'

/** Two accounts are held back, with three events and with one; a third one is not. */
async function openWithDeadLetters() {
  const opened = await openOperations()
  const { application, poison, deposit, held, processing } = opened
  poison.add(13).add(14)
  await application.start()
  await deposit('a-1', 1, 13, 2, 3)
  await deposit('a-2', 14)
  await deposit('a-3', 4)
  await held(2, 4)
  return { ...opened, deadLetters: processing.deadLetters }
}

describe('dead letters', () => {
  test('are listed by filter and in pages, those that failed first before the others', async () => {
    const { application, deadLetters, name } = await openWithDeadLetters()
    const all = await deadLetters.list(name)
    assert.deepEqual(
      all.sequences.map(({ aggregateId, eventCount }) => [aggregateId, eventCount]),
      [
        ['a-1', 3],
        ['a-2', 1],
      ],
    )
    const first = await deadLetters.list(name, { limit: 1 })
    assert.equal(first.sequences[0]?.aggregateId, 'a-1')
    const second = await deadLetters.list(name, { limit: 1, after: first.next ?? '' })
    assert.deepEqual([second.sequences[0]?.aggregateId, second.next], ['a-2', undefined])
    const found = async (filter: object) => (await deadLetters.list(name, { filter })).sequences.length
    assert.deepEqual(
      [await found({ failureName: 'RangeError' }), await found({ eventType: 'Opened' }), await found(a1)],
      [2, 0, 1],
    )
    await application.stop()
  })

  test('are shown with their failure and with their events, page by page', async () => {
    const { application, deadLetters, name } = await openWithDeadLetters()
    const shown = await deadLetters.show(name, a1, { limit: 2 })
    assert.equal(shown?.sequence.failure.message, '13 brings bad luck')
    assert.match(shown.sequence.failure.stack ?? '', /RangeError/)
    const amounts = (events: readonly { readonly eventData: unknown }[]) => events.map(({ eventData }) => eventData)
    assert.deepEqual(amounts(shown.events), [{ amount: 13 }, { amount: 2 }])
    assert.equal(shown.nextSequence, 4)
    const rest = await deadLetters.show(name, a1, { fromSequence: shown.nextSequence, limit: 2 })
    assert.deepEqual([amounts(rest?.events ?? []), rest?.nextSequence], [[{ amount: 3 }], undefined])
    const beyond = await deadLetters.show(name, a1, { fromSequence: 99 })
    assert.deepEqual([beyond?.events, beyond?.nextSequence], [[], undefined])
    assert.equal(await deadLetters.show(name, { ...a1, aggregateId: 'a-3' }), undefined)
    assert.equal(await deadLetters.find(name, { ...a1, aggregateId: 'a-3' }), undefined)
    await application.stop()
  })

  test('are processed in order when they are retried, one sequence or all', async () => {
    const { application, deadLetters, poison, held, sums, name } = await openWithDeadLetters()
    poison.clear()
    assert.deepEqual(await deadLetters.retry(name, a1), { isDryRun: false, sequenceCount: 1 })
    await held(1, 1)
    assert.deepEqual(await sums(), { 'a-1': 19, 'a-3': 4 })
    await deadLetters.retry(name)
    await held(0, 0)
    assert.deepEqual(await sums(), { 'a-1': 19, 'a-2': 14, 'a-3': 4 })
    assert.deepEqual(await deadLetters.retry(name), { isDryRun: false, sequenceCount: 0 })
    await application.stop()
  })

  test('are given up with a reason and a user, of which a record is kept', async () => {
    const { application, deadLetters, deposit, held, sums, name } = await openWithDeadLetters()
    await deadLetters.discard(name, a1, { reason, discardedBy: 'ada' })
    await held(1, 1)
    await deposit('a-1', 5)
    await held(1, 1)
    assert.deepEqual(await sums(), { 'a-1': 6, 'a-3': 4 }, 'its aggregate goes on')
    const [record] = await deadLetters.discarded(name)
    assert.deepEqual(
      [record?.aggregateId, record?.eventCount, record?.reason, record?.discardedBy],
      ['a-1', 3, reason, 'ada'],
    )
    assert.ok(record?.discardedAt)
    await application.stop()
  })

  test('lose only the event that failed when that alone is discarded', async () => {
    const { application, deadLetters, held, sums, name } = await openWithDeadLetters()
    await deadLetters.discard(name, a1, { reason, isFirstOnly: true })
    await held(1, 1)
    assert.deepEqual(await sums(), { 'a-1': 6, 'a-3': 4 })
    await application.stop()
  })

  test('stay as they are in a dry run, which says what would be done', async () => {
    const { application, deadLetters, poison, name } = await openWithDeadLetters()
    poison.clear()
    const before = await deadLetters.list(name)
    const { sequences } = before
    assert.deepEqual(await deadLetters.retry(name, {}, { isDryRun: true }), {
      isDryRun: true,
      sequenceCount: 2,
      eventCount: 4,
      sequences,
    })
    const discard = { reason, isDryRun: true }
    assert.equal((await deadLetters.discard(name, {}, discard)).eventCount, 4)
    assert.equal((await deadLetters.discard(name, {}, { ...discard, isFirstOnly: true })).eventCount, 2)
    assert.deepEqual([await deadLetters.list(name), await deadLetters.discarded(name)], [before, []])
    await application.stop()
  })

  test('are not touched by a request that is wrong', async () => {
    const { application, deadLetters, name } = await openWithDeadLetters()
    const error = await errorOf(deadLetters.list('NoView@1'), 'unknown-processor')
    assert.match(error.message, /Known: SumView@1\./)
    await errorOf(deadLetters.show('NoView@1', a1), 'unknown-processor')
    await errorOf(deadLetters.retry('NoView@1'), 'unknown-processor')
    await errorOf(deadLetters.discard('NoView@1', {}, { reason }), 'unknown-processor')
    await errorOf(deadLetters.discarded('NoView@1'), 'unknown-processor')
    await errorOf(deadLetters.discard(name, {}, { reason: ' ' }), 'validation')
    await errorOf(deadLetters.discard(name, {}, { reason, isDryRun: true, discardedBy: '' }), 'validation')
    await errorOf(deadLetters.retry(name, { nick: 'a' } as object), 'invalid-option')
    await errorOf(deadLetters.retry(name, {}, { dryRun: true } as object), 'invalid-option')
    await errorOf(deadLetters.show(name, a1, { limit: 0 }), 'invalid-option')
    await errorOf(deadLetters.list(name, { after: 'x' }), 'validation')
    assert.equal((await deadLetters.list(name)).sequences.length, 2)
    await application.stop()
  })
})
