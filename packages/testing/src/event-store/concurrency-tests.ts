/** Many writers at once: guarantees 2 and 3. */

import assert from 'node:assert/strict'
import { type AppendResult, type ConcurrencyError, type EventStore, hasErrorCode } from '@cim/core'
import fc from 'fast-check'
import { assertRising, rejectsWithCode } from '../conformance/assertions.ts'
import { checkProperty } from '../conformance/check-property.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { allEvents, impossibleEvent, noted, person } from './sample-events.ts'

/** What one writer does: to which aggregate, how many events, and how many turns it waits before it begins. */
type Step = { readonly aggregate: number; readonly size: number; readonly turns: number }

const step: fc.Arbitrary<Step> = fc.record({
  aggregate: fc.nat(2),
  size: fc.integer({ min: 1, max: 4 }),
  turns: fc.nat(3),
})
const writers = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 6 })

/** @param tests registers tests with the adapter */
export function concurrencyTests({ test }: StoreTests<EventStore>): void {
  test('of many that create the same aggregate, exactly one wins', async ({ store }) => {
    const creations = Array.from({ length: 100 }, (_, writer) =>
      store.appendEvents(person('ada'), noted(2, writer * 10), { expectedVersion: 0 }),
    )
    const outcomes = await Promise.allSettled(creations)
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.deepEqual({ won: won.length, lost: lost.length }, { won: 1, lost: 99 })
    for (const { reason } of lost) await rejectsWithCode(Promise.reject(reason), 'concurrency', { actualVersion: 2 })
    assert.deepEqual(await store.loadEvents(person('ada')), won[0]?.value.events)
    assert.equal((await allEvents(store)).length, 2)
  })

  test('of many that append at the same version, exactly one wins each round', async ({ store }) => {
    for (let version = 0; version < 10; version++) {
      const appends = Array.from({ length: 10 }, () =>
        store.appendEvents(person('ada'), noted(1), { expectedVersion: version }),
      )
      const outcomes = await Promise.allSettled(appends)
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    }
    assert.equal((await allEvents(store)).length, 10)
  })

  test('appends at any version all succeed, without gaps', async ({ store }) => {
    const appends = Array.from({ length: 50 }, (_, index) =>
      store.appendEvents(person('ada'), noted((index % 3) + 1), { expectedVersion: 'any' }),
    )
    const results = await Promise.all(appends)
    await assertGapless(store, results)
  })

  test('a conflict in a crowd of appends rejects that one alone', async ({ store }) => {
    const appends = Array.from({ length: 90 }, (_, index) => {
      const aggregate = person(`crowd-${index}`)
      if (index % 3 === 1) return store.appendEvents(aggregate, noted(2), { expectedVersion: 5 })
      if (index % 3 === 2) return store.appendEvents(aggregate, [...noted(2), impossibleEvent], { expectedVersion: 0 })
      return store.appendEvents(aggregate, noted(2), { expectedVersion: 0 })
    })
    const outcomes = await Promise.allSettled(appends)
    const results = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    assert.equal(results.length, 30)
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') assert.equal(index % 3, 0)
      else await rejectsWithCode(Promise.reject(outcome.reason), index % 3 === 1 ? 'concurrency' : 'invalid-event')
    }
    await assertGapless(store, results)
  })

  test('racing writers that reload and retry lose nothing and write nothing twice', async ({ store }) => {
    let runs = 0
    const property = fc.asyncProperty(writers, async (scripts) => {
      const before = (await allEvents(store)).length
      const names = [0, 1, 2].map((aggregate) => `race-${++runs}-${aggregate}`)
      const results = await Promise.all(scripts.map((steps, writer) => write(store, names, steps, writer)))
      await assertGapless(store, results.flat(), before)
    })
    await checkProperty(property, 25)
  })
}

/** Appends every step's events, and begins anew from the version that a conflict names. */
async function write(store: EventStore, names: readonly string[], steps: readonly Step[], writer: number) {
  const results: AppendResult[] = []
  for (const { aggregate, size, turns } of steps) {
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
    const target = person(names[aggregate] ?? '')
    let expectedVersion = (await store.loadEvents(target)).length
    for (;;) {
      try {
        results.push(await store.appendEvents(target, noted(size, writer * 1000), { expectedVersion }))
        break
      } catch (error) {
        if (!hasErrorCode(error, 'concurrency')) throw error
        const { actualVersion } = error as ConcurrencyError
        assert.ok(actualVersion > expectedVersion, 'a conflict names a newer version')
        expectedVersion = (await store.loadEvents(target)).length
        assert.ok(expectedVersion >= actualVersion, 'the version that a conflict names can be loaded')
      }
    }
  }
  return results
}

/** Every accepted append is stored exactly once, as a run of its own, and nothing else is. */
async function assertGapless(store: EventStore, results: readonly AppendResult[], before = 0): Promise<void> {
  const log = await allEvents(store)
  assertRising(log.map(({ position }) => position))
  const accepted = results.flatMap(({ events }) => events).sort((one, other) => one.position - other.position)
  assert.deepEqual(log.slice(before), accepted)
  const versions = new Map<string, number>()
  for (const { aggregateId, sequence } of log) {
    assert.equal(sequence, (versions.get(aggregateId) ?? 0) + 1, `sequence in ${aggregateId}`)
    versions.set(aggregateId, sequence)
  }
  for (const { events, version, position } of results) {
    const sequences = events.map(({ sequence }) => sequence)
    assert.deepEqual(
      sequences,
      events.map((_, index) => version - events.length + 1 + index),
    )
    assert.equal(events.at(-1)?.position, position)
  }
}
