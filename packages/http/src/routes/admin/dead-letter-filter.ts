/** Which dead letters a request is about. */

import { type DeadLetterFilter, ValidationError } from '@cim/core'
import { checkObject } from '../../request/json-object.ts'
import type { QueryString } from '../../request/query-string.ts'

/** The properties of a filter, as they are called in requests. */
export const filterNames = ['aggregateType', 'aggregateId', 'state', 'eventType', 'failureName'] as const

const fields = Object.fromEntries(filterNames.map((name) => [name, 'string' as const]))
const states: readonly unknown[] = ['retrying', 'parked']
const stateProblem = `must be one of ${states.join(', ')}`

/** @throws {ValidationError} when a parameter is given twice, or is no state */
export function filterInQuery(given: QueryString): DeadLetterFilter {
  const filter = Object.fromEntries(
    filterNames.map((name) => [name, given.one(name)]).filter(([, value]) => value !== undefined),
  ) as DeadLetterFilter
  if (filter.state !== undefined && !states.includes(filter.state)) throw given.invalid('state', stateProblem)
  return filter
}

/** @param value the field `filter` of a body @throws {ValidationError} when it is no filter */
export function filterInBody(value: unknown, subject: string): DeadLetterFilter {
  const filter: DeadLetterFilter = checkObject(value, subject, fields, '/filter')
  if (filter.state === undefined || states.includes(filter.state)) return filter
  throw new ValidationError(subject, [{ pointer: '/filter/state', message: stateProblem }])
}
