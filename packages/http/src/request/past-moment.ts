/** Reads `asOf`: the moment of the past that a query is asked about. */

import { hasErrorCode, type PastMoment, parseTimestamp, ValidationError } from '@cim/core'
import type { QueryString } from './query-string.ts'

/**
 * @param given the request's parameters
 * @returns the moment; undefined when the query is about the present
 * @throws {ValidationError} when it is neither a position nor a time, or comes together with `after` or `wait`
 */
export function pastMomentIn(given: QueryString): PastMoment | undefined {
  const text = given.one('asOf')
  if (text === undefined) return undefined
  for (const name of ['after', 'wait']) {
    if (given.one(name) === undefined) continue
    throw given.invalid('asOf', `must not be given together with ${name}: the past does not change`)
  }
  if (/^\d{1,16}$/.test(text)) return { position: given.wholeNumber('asOf', { least: 0 }) ?? 0 }
  try {
    parseTimestamp(text, '/asOf', 0)
  } catch {
    const example = '2026-06-15T12:00:00Z'
    const message = `must be a position, or ISO-8601 with a time zone, for instance ${example}, got ${JSON.stringify(text)}`
    throw given.invalid('asOf', message)
  }
  return { timestamp: text }
}

/** @returns the error with pointers to the parameter, which stands for the whole moment */
export function pointingToAsOf(error: unknown): unknown {
  if (!hasErrorCode(error, 'validation')) return error
  const { subject, issues } = error as ValidationError
  if (!issues.some(({ pointer }) => pointer.startsWith('/asOf/'))) return error
  const pointing = issues.map(({ pointer, message }) => ({
    pointer: pointer.startsWith('/asOf/') ? '/asOf' : pointer,
    message,
  }))
  return new ValidationError(subject, pointing, { cause: error })
}
