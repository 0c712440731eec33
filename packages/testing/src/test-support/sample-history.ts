/** Histories of a register that does everything right, and what can go wrong with them. */

import fc from 'fast-check'
import type { AppendOperation, Operation } from '../linearizability/history.ts'

/** The store itself, on one aggregate: a list of events, known by the appends that stored them. */
export type State = readonly (readonly string[])[]

/** What an append does to a store. @returns the new state, and what the caller is told */
export function applyAppend(
  state: State,
  { eventIds, expectedVersion }: Pick<AppendOperation, 'eventIds' | 'expectedVersion'>,
): { readonly state: State; readonly outcome: AppendOperation['outcome'] } {
  const version = state.flat().length
  let first = 0
  for (const stored of state) {
    const isSame = stored.join() === eventIds.join()
    if (isSame && (expectedVersion === 'any' || expectedVersion === first)) {
      return { state, outcome: { kind: 'stored', version: first + stored.length } }
    }
    first += stored.length
  }
  if (expectedVersion !== 'any' && expectedVersion !== version) {
    return { state, outcome: { kind: 'conflict', actualVersion: version } }
  }
  return { state: [...state, eventIds], outcome: { kind: 'stored', version: version + eventIds.length } }
}

interface Step {
  readonly kind: 'append' | 'load' | 'retry' | 'repeat'
  /** How long it began before its moment, and ended after it; moments are 1 apart. */
  readonly before: number
  readonly after: number
  readonly size: number
  readonly expects: 'newest' | 'any' | 'other'
  readonly isUnknown: boolean
  readonly isWithout: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('append', 'append', 'load', 'load', 'retry', 'repeat'),
  before: fc.nat(4),
  after: fc.nat(4),
  size: fc.integer({ min: 1, max: 3 }),
  expects: fc.constantFrom('newest', 'newest', 'any', 'other'),
  isUnknown: fc.nat(4).map((number) => number === 0),
  isWithout: fc.boolean(),
})

/**
 * Any history that a correct store may give, on one aggregate, with a load at its end.
 * @param most operations besides that load
 */
export function correctHistories(most: number): fc.Arbitrary<readonly Operation[]> {
  return fc.array(step, { minLength: 1, maxLength: most }).map(perform)
}

function perform(steps: readonly Step[]): readonly Operation[] {
  let state: State = []
  const history: Operation[] = []
  for (const [moment, { kind, before, after, size, expects, isUnknown, isWithout }] of steps.entries()) {
    const times = { aggregate: 'a', startedAt: moment - before - 0.5, endedAt: moment + after, process: `p${moment}` }
    const others = history.filter((operation) => operation.kind === 'append')
    const other = others[size % others.length]
    if (kind === 'load') history.push({ kind, ...times, eventIds: state.flat() })
    else if (kind === 'repeat') {
      const eventIds = state[size] ?? []
      history.push({
        kind: 'append',
        ...times,
        eventIds: [`r${moment}`],
        expectedVersion: 'any',
        outcome: { kind: 'repeated', eventIds },
      })
    } else {
      const version = state.flat().length
      const expectedVersion = expects === 'newest' ? version : expects === 'any' ? expects : Math.max(0, version - size)
      const append =
        kind === 'retry' && other !== undefined
          ? { eventIds: other.eventIds, expectedVersion: other.expectedVersion }
          : { eventIds: Array.from({ length: size }, (_, index) => `e${moment}.${index}`), expectedVersion }
      // One that never happens, and nobody knows of that.
      if (isUnknown && isWithout) history.push({ kind: 'append', ...times, ...append, outcome: { kind: 'unknown' } })
      else {
        const done = applyAppend(state, append)
        state = done.state
        const outcome = isUnknown ? ({ kind: 'unknown' } as const) : done.outcome
        history.push({ kind: 'append', ...times, ...append, outcome })
      }
    }
  }
  const end = steps.length + 10
  return [...history, { kind: 'load', aggregate: 'a', startedAt: end, endedAt: end + 1, eventIds: state.flat() }]
}
