/** Subject patterns in a query string. */

import { hasErrorCode, subjectMatcher, ValidationError } from '@cim/core'
import type { QueryString } from './query-string.ts'

/**
 * @param given the parameters of a request
 * @returns the patterns asked for as `subject`; all events when none is
 * @throws {ValidationError} when one is not well-formed, with a pointer to it
 */
export function subjectPatternsIn(given: QueryString): readonly string[] {
  const patterns = given.all('subject')
  if (patterns.length === 0) return ['events.>']
  try {
    subjectMatcher(patterns)
  } catch (error) {
    if (!hasErrorCode(error, 'validation')) throw error
    const { subject, issues } = error as ValidationError
    throw new ValidationError(
      subject,
      issues.map(({ message }) => ({ pointer: '/subject', message })),
      { cause: error },
    )
  }
  return patterns
}
