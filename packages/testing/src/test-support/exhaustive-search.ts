/** Tries every order of a small history: slow, and too simple to be wrong. */

import type { Operation } from '../linearizability/history.ts'
import { applyAppend, type State } from './sample-history.ts'

/** @returns true when some order respects time and gives every operation on one aggregate the answer that it got */
export function hasOrder(history: readonly Operation[], state: State = []): boolean {
  if (history.every((operation) => isUnknown(operation))) return true
  const ends = history.filter((operation) => !isUnknown(operation)).map(({ endedAt }) => endedAt)
  return history.some((operation) => {
    // Whoever is next must have begun before all others ended.
    if (operation.startedAt > Math.min(...ends)) return false
    const rest = history.filter((other) => other !== operation)
    const next = answer(operation, state)
    return next !== undefined && hasOrder(rest, next)
  })
}

function isUnknown(operation: Operation): boolean {
  return operation.kind === 'append' && operation.outcome.kind === 'unknown'
}

/** @returns the state after an operation, undefined when it would get another answer */
function answer(operation: Operation, state: State): State | undefined {
  if (operation.kind === 'load') return state.flat().join() === operation.eventIds.join() ? state : undefined
  const { outcome } = operation
  if (outcome.kind === 'failed') return state
  if (outcome.kind === 'repeated') {
    const isStored = outcome.eventIds.length === 0 || state.some((ids) => ids.join() === outcome.eventIds.join())
    return isStored ? state : undefined
  }
  const done = applyAppend(state, operation)
  if (outcome.kind === 'unknown') return done.state
  return JSON.stringify(done.outcome) === JSON.stringify(outcome) ? done.state : undefined
}
