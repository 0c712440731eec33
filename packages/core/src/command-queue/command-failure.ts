/** What becomes of a queued command that could not be executed. */

import { isCimError } from '../errors/cim-error.ts'
import type { CheckedFailurePolicy, FailureKind } from '../event-processing/failure-policy.ts'
import { kindOf } from '../event-processing/failure-policy.ts'
import type { RejectionReason } from '../event-store/event-store.ts'

/** The store is to blame, or other writers, and not the command: it waits until that has passed or is mended. */
const passing: ReadonlySet<string> = new Set([
  'concurrency',
  'store-closed',
  'store-corrupt',
  'store-full',
  'store-locked',
  'store-unavailable',
  'store-version',
])

/** The sender is to blame, and is told; nobody else needs to know. */
const sendersOwn: ReadonlySet<string> = new Set([
  'command-id-reused',
  'forbidden',
  'payload-too-large',
  'unauthenticated',
  'validation',
  'version-mismatch',
])

/**
 * @returns `transient`: nothing is executed until it has passed. `permanent`: waiting changes nothing, the command is rejected.
 *   `unknown`, for what is no error of this project: it is tried a few times, then the command is rejected
 */
export function commandFailureKind(policy: CheckedFailurePolicy, error: unknown): FailureKind {
  if (isCimError(error)) return passing.has(error.code) ? 'transient' : 'permanent'
  return kindOf(policy, error)
}

/** @returns what the sender is told. What is no error of this project may speak of things that are none of its business. */
export function reasonOf(error: unknown): RejectionReason {
  if (isCimError(error)) return { code: error.code, message: error.message }
  const message =
    'The command failed unexpectedly, and nothing was changed. Once that is mended, send it under a new id.'
  return { code: 'internal', message }
}

/** @returns whether somebody should look at it beside the sender */
export function isFault(error: unknown): boolean {
  return !isCimError(error) || !sendersOwn.has(error.code)
}
