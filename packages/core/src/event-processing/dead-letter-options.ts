/** The checks that every progress store makes. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { ValidationError } from '../errors/input-errors.ts'
import type { DeadLetterFilter, DeadLetterSequence, DiscardOptions } from './dead-letter.ts'

const filterNames = ['aggregateType', 'aggregateId', 'state', 'eventType', 'failureName'] as const

/** @returns whether every given property fits */
export function fitsFilter(sequence: DeadLetterSequence, filter: DeadLetterFilter): boolean {
  const { aggregateType, aggregateId, state, failure } = sequence
  const actual = { aggregateType, aggregateId, state, eventType: failure.eventType, failureName: failure.name }
  return filterNames.every((name) => filter[name] === undefined || filter[name] === actual[name])
}

/** @throws {InvalidOptionError | ValidationError} when an option is unknown or not acceptable */
export function checkDeadLetterFilter(filter: DeadLetterFilter): DeadLetterFilter {
  checkOptions('dead letters', filter, filterNames)
  for (const name of filterNames) {
    const value: unknown = filter[name]
    if (value === undefined || typeof value === 'string') continue
    throw new ValidationError('dead letters', [{ pointer: `/${name}`, message: 'must be a string' }])
  }
  return filter
}

/** @returns the options with defaults; `after` as the number that a page has given */
export function checkDeadLetterList(
  options: { readonly filter?: DeadLetterFilter; readonly after?: string; readonly limit?: number } = {},
): { readonly filter: DeadLetterFilter; readonly after: number; readonly limit: number } {
  checkOptions('listDeadLetters', options, ['filter', 'after', 'limit'])
  const filter = checkDeadLetterFilter(options.filter ?? {})
  const limit = checkWholeNumber('listDeadLetters', 'limit', options.limit ?? 100, { least: 1, most: 1000 })
  const after = Number(options.after ?? 0)
  if (!Number.isSafeInteger(after)) {
    throw new ValidationError('dead letters', [
      { pointer: '/after', message: 'must be what the page before gave as next' },
    ])
  }
  return { filter, after, limit }
}

/** @throws {ValidationError} when the reason is missing or too long */
export function checkDiscard(options: DiscardOptions): {
  readonly reason: string
  readonly discardedBy: string | undefined
  readonly isFirstOnly: boolean
  readonly now: number
} {
  checkOptions('discardDeadLetters', options, ['reason', 'discardedBy', 'isFirstOnly', 'now'])
  const { reason, discardedBy, isFirstOnly = false, now } = options
  checkText('reason', reason, 1000)
  if (discardedBy !== undefined) checkText('discardedBy', discardedBy, 200)
  return { reason: reason.toWellFormed(), discardedBy: discardedBy?.toWellFormed(), isFirstOnly, now }
}

/** @returns how many records to list, 100 when left out */
export function checkDiscardedLimit(limit: number | undefined): number {
  return checkWholeNumber('listDiscarded', 'limit', limit ?? 100, { least: 1, most: 1000 })
}

function checkText(name: string, text: unknown, longest: number): void {
  if (typeof text === 'string' && text.trim() !== '' && text.length <= longest) return
  const message = `must be a text of 1 to ${longest} characters`
  throw new ValidationError('discarding dead letters', [{ pointer: `/${name}`, message }])
}
