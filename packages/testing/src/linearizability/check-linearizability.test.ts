import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'
import { hasOrder } from '../test-support/exhaustive-search.ts'
import { correctHistories } from '../test-support/sample-history.ts'
import { checkLinearizability } from './check-linearizability.ts'
import type { AppendOperation, AppendOutcome, LoadOperation, Operation } from './history.ts'

function append(
  [startedAt, endedAt]: readonly [number, number],
  eventIds: string,
  expectedVersion: number | 'any',
  outcome: AppendOutcome | number,
): AppendOperation {
  const told = typeof outcome === 'number' ? ({ kind: 'stored', version: outcome } as const) : outcome
  return {
    kind: 'append',
    aggregate: 'a',
    startedAt,
    endedAt,
    eventIds: eventIds.split(' '),
    expectedVersion,
    outcome: told,
  }
}

function load([startedAt, endedAt]: readonly [number, number], eventIds: string): LoadOperation {
  const ids = eventIds === '' ? [] : eventIds.split(' ')
  return { kind: 'load', aggregate: 'a', startedAt, endedAt, eventIds: ids }
}

const unknown = { kind: 'unknown' } as const

/** @returns the kinds of violations that are found, each once */
function kindsIn(...history: readonly Operation[]): readonly string[] {
  return [...new Set(checkLinearizability(history).map(({ kind }) => kind))]
}

describe('a history is accepted', () => {
  test('of any operations on a store that does everything right', async () => {
    const property = fc.asyncProperty(correctHistories(40), async (history) => {
      assert.deepEqual(checkLinearizability(history), [])
    })
    await checkProperty(property, 2000)
  })

  test('when an append without an answer happens long after, or never', () => {
    const slow = append([0, 1], 'x', 0, unknown)
    assert.deepEqual(kindsIn(slow, load([2, 3], ''), load([4, 5], 'x')), [])
    assert.deepEqual(kindsIn(slow, load([2, 3], '')), [])
    assert.deepEqual(kindsIn(slow, append([2, 3], 'y', 0, 1), load([4, 5], 'y')), [])
  })

  test('when operations at the same time see each other or not', () => {
    const stored = append([0, 10], 'x', 0, 1)
    assert.deepEqual(kindsIn(stored, load([1, 2], 'x'), load([11, 12], 'x')), [])
    assert.deepEqual(kindsIn(stored, load([8, 9], ''), load([11, 12], 'x')), [])
  })

  test('when each of several aggregates is in order', () => {
    const [one, end] = [append([0, 1], 'x', 0, 1), load([4, 5], 'x')]
    const others = [append([0, 1], 'y', 0, 1), load([4, 5], 'y')].map((operation) => ({ ...operation, aggregate: 'b' }))
    assert.deepEqual(kindsIn(one, ...others, end), [])
  })
})

describe('a violation is found:', () => {
  const stored = append([0, 1], 'x y', 0, 2)

  test('an acknowledged append that is lost', () => {
    assert.deepEqual(kindsIn(stored, load([9, 10], '')), ['lost'])
    assert.deepEqual(kindsIn(stored, append([2, 3], 'z', 2, 3), load([9, 10], 'z')), ['wrong-version', 'lost'])
    const repeat = append([2, 3], 'q', 'any', { kind: 'repeated', eventIds: ['p'] })
    assert.deepEqual(kindsIn(stored, repeat, load([9, 10], 'x y')), ['lost'])
  })

  test('events that are there twice', () => {
    assert.deepEqual(kindsIn(append([0, 1], 'x', 'any', 1), load([9, 10], 'x x')), ['duplicated', 'wrong-version'])
  })

  test('a gap in an append, and an append that a load saw in part', () => {
    assert.deepEqual(kindsIn(append([0, 1], 'x y z', 0, 3), load([9, 10], 'x z'))[0], 'torn')
    assert.deepEqual(kindsIn(append([0, 1], 'x y z', 0, 3), load([9, 10], 'y z'))[0], 'torn')
    assert.deepEqual(kindsIn(append([0, 8], 'x y', 0, 2), load([2, 3], 'x'), load([9, 10], 'x y')), ['torn'])
  })

  test('events in another order than their appends say', () => {
    const second = append([2, 3], 'z', 2, 3)
    assert.deepEqual(kindsIn(stored, second, load([9, 10], 'z x y')), ['wrong-version'])
    const any = [append([0, 1], 'x', 'any', 2), append([2, 3], 'y', 'any', 1)]
    assert.deepEqual(kindsIn(...any, load([9, 10], 'y x')), ['too-early'])
  })

  test('events that nobody appended, or that an append left of which it was said that it did nothing', () => {
    assert.deepEqual(kindsIn(load([9, 10], 'w')), ['unexplained'])
    for (const outcome of [
      { kind: 'failed' },
      { kind: 'conflict', actualVersion: 3 },
      { kind: 'repeated', eventIds: [] },
    ] as const) {
      assert.equal(kindsIn(append([0, 1], 'x', 0, outcome), load([9, 10], 'x'))[0], 'unexplained')
    }
  })

  test('a load or a conflict that misses what was acknowledged before it began', () => {
    assert.deepEqual(kindsIn(stored, load([2, 3], ''), load([9, 10], 'x y')), ['stale'])
    const refused = append([2, 3], 'z', 5, { kind: 'conflict', actualVersion: 0 })
    assert.deepEqual(kindsIn(stored, refused, load([9, 10], 'x y')), ['stale'])
  })

  test('a load that misses what another has seen before', () => {
    const slow = append([0, 8], 'x y', 0, 2)
    assert.deepEqual(kindsIn(slow, load([1, 2], 'x y'), load([3, 4], ''), load([9, 10], 'x y')), ['stale'])
  })

  test('every stale load, and no other operation', () => {
    const history = [stored, load([2, 3], ''), load([2, 4], 'x y'), load([3, 5], ''), load([9, 10], 'x y')]
    const found = checkLinearizability(history).map(({ operations }) => operations[1])
    assert.deepEqual(found, [history[1], history[3]])
    assert.match(checkLinearizability(history)[0]?.message ?? '', /version 2 was known before an operation began/)
  })

  test('a conflict without a reason', () => {
    const refused = append([0, 1], 'x', 0, { kind: 'conflict', actualVersion: 0 })
    assert.deepEqual(kindsIn(refused, load([9, 10], '')), ['needless-conflict'])
    const again = append([2, 3], 'x y', 0, { kind: 'conflict', actualVersion: 2 })
    assert.deepEqual(kindsIn(stored, again, load([9, 10], 'x y')), ['needless-conflict'])
  })

  test('two writers that both win one version', () => {
    const both = [append([0, 5], 'x', 0, 1), append([0, 5], 'y', 0, 1)]
    assert.deepEqual(kindsIn(...both, load([9, 10], 'x')), ['lost'])
    assert.deepEqual(kindsIn(...both, load([9, 10], 'x y')), ['wrong-version'])
  })

  test('two loads of which neither continues the other', () => {
    const maybe = [append([0, 1], 'x', 0, unknown), append([0, 1], 'y', 0, unknown)]
    assert.deepEqual(kindsIn(...maybe, load([2, 3], 'x'), load([9, 10], 'y')), ['other-log'])
  })

  test('an event that was seen before its append began', () => {
    assert.deepEqual(kindsIn(load([0, 1], 'x y'), append([2, 3], 'x y', 0, 2), load([9, 10], 'x y')), ['too-early'])
  })
})

describe('any change to a correct history', () => {
  /** Answers and times that are exchanged between operations, or made up. */
  const change = fc.record({
    at: fc.nat(20),
    other: fc.nat(20),
    what: fc.constantFrom('earlier', 'later', 'content', 'outcome', 'expected', 'drop', 'shorten'),
  })

  test('is found exactly when no order of the operations explains it', async () => {
    const tally = { accepted: 0, refused: 0 }
    const changes = fc.array(change, { maxLength: 3 })
    const property = fc.asyncProperty(correctHistories(6), changes, async (correct, all) => {
      const history = all.reduce(changed, correct)
      const isExplained = hasOrder(history)
      tally[isExplained ? 'accepted' : 'refused']++
      assert.equal(checkLinearizability(history).length === 0, isExplained, JSON.stringify(history, undefined, 1))
    })
    await checkProperty(property, 4000)
    assert.ok(tally.accepted > 500 && tally.refused > 500, JSON.stringify(tally))
  })

  function changed(
    history: readonly Operation[],
    { at, other, what }: { readonly at: number; readonly other: number; readonly what: string },
  ): readonly Operation[] {
    // The load at the end stays, but for what it sees.
    const end = history.length - 1
    const index = at % history.length
    const [operation, from] = [history[index], history[other % history.length]]
    if (operation === undefined || from === undefined) return history
    const copy = (one: Operation): readonly Operation[] => history.with(index, one)
    switch (what) {
      case 'earlier':
        return index === end
          ? history
          : copy({ ...operation, startedAt: operation.startedAt - 3, endedAt: operation.endedAt - 3 })
      case 'later':
        return index === end
          ? history
          : copy({ ...operation, startedAt: operation.startedAt + 2, endedAt: operation.endedAt + 2 })
      case 'content':
        return operation.kind === 'load' && from.kind === 'load'
          ? copy({ ...operation, eventIds: from.eventIds })
          : history
      case 'outcome':
        return operation.kind === 'append' && from.kind === 'append'
          ? copy({ ...operation, outcome: from.outcome })
          : history
      case 'expected':
        return operation.kind === 'append' ? copy({ ...operation, expectedVersion: other % 4 }) : history
      case 'drop':
        return index === end ? history : history.toSpliced(index, 1)
      default:
        return operation.kind === 'load'
          ? copy({ ...operation, eventIds: operation.eventIds.slice(0, other % 3) })
          : history
    }
  }
})

describe('a history is refused', () => {
  test('without a load after all appends have ended', () => {
    const stored = append([0, 5], 'x', 0, 1)
    const missing = { name: 'TypeError', message: /no load that began after all appends had ended. Load it once/ }
    assert.throws(() => checkLinearizability([stored]), missing)
    assert.throws(() => checkLinearizability([stored, load([5, 6], 'x')]), missing)
  })

  test('with one event in two appends', () => {
    const history = [append([0, 1], 'x', 0, 1), append([0, 1], 'x y', 0, 2), load([9, 10], 'x')]
    assert.throws(() => checkLinearizability(history), { name: 'TypeError', message: /event x in two appends/ })
  })

  test('with an append without events', () => {
    const empty = { ...append([0, 1], 'x', 0, 1), eventIds: [] }
    assert.throws(() => checkLinearizability([empty, load([9, 10], '')]), {
      name: 'TypeError',
      message: /without events/,
    })
  })
})
