/** What becomes of an event that could not be processed. */

import { hasErrorCode } from '../errors/cim-error.ts'
import { type RetryDelay, retryDelayMs } from './retry-delay.ts'

/**
 * `transient`: it will pass, try again and again. `permanent`: it will fail every time, park at once. `unknown`: try a few
 * times, then park.
 */
export type FailureKind = 'transient' | 'permanent' | 'unknown'

/** How a processor deals with events that fail. */
export interface FailurePolicy {
  /** How often an event is tried before it is parked; 5 when left out. */
  readonly maxAttempts?: number
  /** Waits between the attempts; 100 ms to 30 s when left out. */
  readonly retryDelay?: RetryDelay
  /** Tells kinds of errors apart; {@link classifyFailure} when left out. */
  readonly classify?: (error: unknown) => FailureKind
}

/** {@link FailurePolicy} with everything filled in. */
export type CheckedFailurePolicy = Required<FailurePolicy>

/** An event that cannot be decoded, and a handler that hangs, do not get better by themselves. */
export function classifyFailure(error: unknown): FailureKind {
  return hasErrorCode(error, 'undecodable-event') || hasErrorCode(error, 'handler-timeout') ? 'permanent' : 'unknown'
}

/**
 * @param policy the processor's
 * @param error what was thrown
 * @param attempts how often the event has been tried, from 1
 * @param random from 0 up to 1
 * @returns milliseconds until the next attempt, undefined when the event is to be parked
 */
export function nextAttemptMs(
  policy: CheckedFailurePolicy,
  error: unknown,
  attempts: number,
  random: number,
): number | undefined {
  const kind = kindOf(policy, error)
  if (kind === 'permanent' || (kind === 'unknown' && attempts >= policy.maxAttempts)) return undefined
  return retryDelayMs(policy.retryDelay, attempts, random)
}

/** @returns the kind of an error: whoever classifies may fail too, and that must not stop the processor */
export function kindOf({ classify }: CheckedFailurePolicy, error: unknown): FailureKind {
  try {
    return classify(error)
  } catch {
    return 'unknown'
  }
}
