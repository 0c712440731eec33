/** Dead letters in the order in which they failed first, page by page. */

import assert from 'node:assert/strict'
import type { DeadLetterFilter, DeadLetterSequence, ProgressStore } from '@cim/core'
import { rejectsWithCode } from '../conformance/assertions.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { claim, deadLetter, heldIds, park, processorName, puts, step } from './sample-progress.ts'

/** @param tests registers tests with the adapter */
export function deadLetterListTests({ test }: StoreTests<ProgressStore>): void {
  test('a dead letter is read as it was put', async ({ store }) => {
    const { failure } = deadLetter('any')
    const sequences = [
      deadLetter('ada'),
      deadLetter('bob', { state: 'retrying', nextAttemptAt: '2026-01-01T00:00:09.000Z', attempts: 0 }),
      deadLetter('cy', { failure: { ...failure, code: 'handler-timeout', stack: 'Error: no\n    at x (y.ts:1:2)' } }),
      deadLetter('dan', {
        fromSequence: Number.MAX_SAFE_INTEGER,
        fromPosition: Number.MAX_SAFE_INTEGER,
        toSequence: Number.MAX_SAFE_INTEGER,
        toPosition: Number.MAX_SAFE_INTEGER,
        eventCount: 1,
      }),
    ]
    await park(store, ...sequences)
    assert.deepEqual(await store.listDeadLetters(processorName), { sequences, next: undefined })
  })

  test('an aggregate that is put again keeps its place, whatever changed', async ({ store }) => {
    const claimed = await park(store, deadLetter('cy'), deadLetter('ada'), deadLetter('bob'))
    const changed = deadLetter('ada', { state: 'retrying', eventCount: 99, firstFailedAt: '2027-01-01T00:00:00.000Z' })
    const later = deadLetter('aaa')
    await store.saveProgress(step(claimed, { expectedPosition: 1, deadLetters: puts(later, changed) }))
    const { sequences } = await store.listDeadLetters(processorName)
    assert.deepEqual(sequences, [deadLetter('cy'), changed, deadLetter('bob'), later])
  })

  test('an aggregate that fails again after it was resolved comes last', async ({ store }) => {
    const claimed = await park(store, deadLetter('ada'), deadLetter('bob'))
    const resolved = { kind: 'resolve', aggregate: { aggregateType: 'Person', aggregateId: 'ada' } } as const
    const nobody = { kind: 'resolve', aggregate: { aggregateType: 'Person', aggregateId: 'nobody' } } as const
    await store.saveProgress(step(claimed, { expectedPosition: 1, deadLetters: [resolved, nobody] }))
    await store.saveProgress(step(claimed, { expectedPosition: 1, deadLetters: puts(deadLetter('ada')) }))
    assert.deepEqual(await heldIds(store), ['bob', 'ada'])
  })

  test('aggregates are told apart by type, and processors by name', async ({ store }) => {
    const team = deadLetter('ada', { aggregateType: 'Team' })
    const elsewhere = deadLetter('ada', {}, 'PersonView@2')
    const claimed = await park(store, deadLetter('ada'), team)
    await park(store, elsewhere)
    const resolved = { kind: 'resolve', aggregate: { aggregateType: 'Person', aggregateId: 'ada' } } as const
    await store.saveProgress(step(claimed, { expectedPosition: 1, deadLetters: [resolved] }))
    assert.deepEqual((await store.listDeadLetters(processorName)).sequences, [team])
    assert.deepEqual((await store.listDeadLetters('PersonView@2')).sequences, [elsewhere])
  })

  test('a filter gives what every given property fits', async ({ store }) => {
    await park(store, ...various)
    for (const [filter, expected] of filters) {
      assert.deepEqual((await store.listDeadLetters(processorName, { filter })).sequences, expected)
    }
  })

  test('pages follow each other without a gap, also while others are put and resolved', async ({ store }) => {
    const ids = Array.from({ length: 250 }, (_, index) => `p-${index}`)
    const claimed = await park(store, ...ids.map((id) => deadLetter(id)))
    assert.equal((await store.listDeadLetters(processorName)).sequences.length, 100)
    assert.deepEqual(await heldIds(store, { limit: 1000 }), ids)
    for (const limit of [1, 125, 249, 250]) {
      assert.deepEqual(await allIds(store, { limit }, limit === 1 ? 3 : undefined), limit === 1 ? ids.slice(0, 3) : ids)
    }
    const odd = { filter: { aggregateId: 'p-249' }, limit: 1 }
    assert.deepEqual((await store.listDeadLetters(processorName, odd)).next, undefined)
    const { next = '' } = await store.listDeadLetters(processorName, { limit: 100 })
    const gone = { kind: 'resolve', aggregate: { aggregateType: 'Person', aggregateId: 'p-99' } } as const
    const again = puts(deadLetter('p-0', { attempts: 9 }), deadLetter('p-200', { attempts: 9 }), deadLetter('new'))
    await store.saveProgress(step(claimed, { expectedPosition: 1, deadLetters: [gone, ...again] }))
    assert.deepEqual(await heldIds(store, { after: next, limit: 1000 }), [...ids.slice(100), 'new'])
  })

  test('an aggregate that fails again while somebody reads pages comes on the last one', async ({ store }) => {
    const claimed = await park(store, deadLetter('ada'), deadLetter('bob'), deadLetter('cy'))
    const { next = '' } = await store.listDeadLetters(processorName, { limit: 2 })
    const gone = ['cy', 'bob'].map(
      (aggregateId) => ({ kind: 'resolve', aggregate: { aggregateType: 'Person', aggregateId } }) as const,
    )
    await store.saveProgress(step(claimed, { expectedPosition: 1, deadLetters: gone }))
    await store.saveProgress(step(claimed, { expectedPosition: 1, deadLetters: puts(deadLetter('cy')) }))
    assert.deepEqual(await heldIds(store, { after: next }), ['cy'])
  })

  test('sequences and their events are counted', async ({ store }) => {
    await park(store, ...various)
    assert.deepEqual(await store.countDeadLetters(processorName), {
      retryingSequences: 1,
      parkedSequences: 3,
      events: 18,
    })
  })

  test('an option that cannot be is refused', async ({ store }) => {
    await claim(store)
    for (const options of [{ limit: 0 }, { limit: 1001 }, { limit: 1.5 }, { filters: {} }, { filter: { stat: 'x' } }]) {
      await rejectsWithCode(store.listDeadLetters(processorName, options as object), 'invalid-option')
    }
    for (const options of [{ after: 'ada' }, { filter: { aggregateId: 7 } }]) {
      await rejectsWithCode(store.listDeadLetters(processorName, options as object), 'validation')
    }
    for (const limit of [0, 1001, Number.NaN]) {
      await rejectsWithCode(store.listDiscarded(processorName, limit), 'invalid-option')
    }
  })
}

/** Four sequences, told apart by everything that a filter can be about. */
export const various: readonly DeadLetterSequence[] = [
  deadLetter('ada'),
  deadLetter('bob', { state: 'retrying', nextAttemptAt: '2026-01-01T00:01:00.000Z' }),
  deadLetter('ada', { aggregateType: 'Team', eventCount: 3 }),
  deadLetter('cy', { failure: { name: 'RangeError', message: 'no', eventId: 'e-9', eventType: 'PersonBorn' } }),
]

const [ada, bob, team, cy] = various as readonly [
  DeadLetterSequence,
  DeadLetterSequence,
  DeadLetterSequence,
  DeadLetterSequence,
]

/** What each filter gives of {@link various}. */
export const filters: readonly (readonly [DeadLetterFilter, readonly DeadLetterSequence[]])[] = [
  [{}, various],
  [{ aggregateType: 'Person' }, [ada, bob, cy]],
  [{ aggregateId: 'ada' }, [ada, team]],
  [{ aggregateType: 'Team', aggregateId: 'ada' }, [team]],
  [{ state: 'retrying' }, [bob]],
  [{ state: 'parked', eventType: 'PersonMoved' }, [ada, team]],
  [{ eventType: 'PersonBorn' }, [cy]],
  [{ failureName: 'TypeError', aggregateType: 'Person' }, [ada, bob]],
  [{ failureName: 'typeerror' }, []],
  [{ aggregateId: '%' }, []],
  [{ aggregateId: '' }, []],
]

async function allIds(store: ProgressStore, options: { readonly limit: number }, pages = Number.POSITIVE_INFINITY) {
  const ids: string[] = []
  let next: string | undefined
  for (let page = 0; page < pages; page++) {
    const after = next === undefined ? {} : { after: next }
    const found = await store.listDeadLetters(processorName, { ...options, ...after })
    ids.push(...found.sequences.map(({ aggregateId }) => aggregateId))
    next = found.next
    if (next === undefined) break
  }
  return ids
}
