/** What view stores share: index values, their order, and checks. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { InvalidOptionError, UnknownNameError } from '../errors/input-errors.ts'
import type { FindOptions, IndexValue, ListOptions, ViewDefinition } from './view-store.ts'

/**
 * @param view whose index it is
 * @param index its name
 * @param document a view document; undefined has no values
 * @returns the distinct values, each well-formed
 * @throws {UnknownNameError} when the view has no such index
 */
export function indexValuesOf(view: ViewDefinition, index: string, document: unknown): readonly IndexValue[] {
  if (!Object.hasOwn(view.indexes, index)) throw new UnknownNameError('unknown-index', index, Object.keys(view.indexes))
  if (document === undefined) return []
  const values = view.indexes[index]?.(document as never)
  if (values === undefined || values === null) return []
  const subject = (): string => `${view.viewName}.${index}`
  if (!Array.isArray(values)) return [toIndexValue(values, subject)]
  return [...new Set(values.map((value) => toIndexValue(value, subject)))]
}

/** @returns the value, or what stands in for it: half surrogates cannot be stored as text, so both sides replace them */
export function toIndexValue(value: unknown, subject: () => string): IndexValue {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new InvalidOptionError(subject(), 'index value', `must be a string or a finite number, got ${String(value)}.`)
}

/** Orders index values: numbers first, then strings by code points. @returns negative, zero or positive */
export function compareIndexValues(left: IndexValue, right: IndexValue): number {
  if (typeof left === 'number') return typeof right === 'number' ? left - right : -1
  return typeof right === 'number' ? 1 : compareStrings(left, right)
}

/** Orders strings by code points, as databases do; JavaScript's own order is by UTF-16 code units. */
export function compareStrings(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index++) {
    const one = left.charCodeAt(index)
    const other = right.charCodeAt(index)
    if (one === other) continue
    // Surrogates, which stand for the code points above all others, lie below U+E000 as units.
    const isOneHigh = one >= 0xd800 && one <= 0xdfff
    const isOtherHigh = other >= 0xd800 && other <= 0xdfff
    return isOneHigh === isOtherHigh ? one - other : isOneHigh ? 1 : -1
  }
  return left.length - right.length
}

/** {@link FindOptions} with the limit filled in and index values well-formed. */
export type CheckedFindOptions = FindOptions & { readonly limit: number }

/**
 * @param subject for messages, for instance `PersonView.email`
 * @param options as they came
 * @throws {InvalidOptionError} when they contradict each other or are unknown
 */
export function checkFindOptions(subject: string, options: FindOptions = {}): CheckedFindOptions {
  checkOptions(`find ${subject}`, options, ['equals', 'prefix', 'from', 'before', 'after', 'limit'])
  const kinds = [
    options.equals !== undefined,
    options.prefix !== undefined,
    options.from !== undefined || options.before !== undefined,
  ]
  if (kinds.filter(Boolean).length > 1) {
    throw new InvalidOptionError(
      `find ${subject}`,
      'equals',
      "cannot be combined: give one of 'equals', 'prefix', and 'from'/'before'.",
    )
  }
  const clean = <TName extends 'equals' | 'from' | 'before'>(
    name: TName,
  ): { readonly [Name in TName]?: IndexValue } => {
    const value = options[name]
    return (value === undefined ? {} : { [name]: toIndexValue(value, () => subject) }) as {
      readonly [Name in TName]?: IndexValue
    }
  }
  return {
    ...options,
    ...clean('equals'),
    ...clean('from'),
    ...clean('before'),
    ...(options.prefix === undefined ? undefined : { prefix: options.prefix.toWellFormed() }),
    limit: checkPageLimit(`find ${subject}`, options.limit),
  }
}

/**
 * @param subject for messages, for instance `PersonView`
 * @param options as they came
 * @throws {InvalidOptionError} when one of them is unknown or out of range
 */
export function checkListOptions(
  subject: string,
  options: ListOptions = {},
): { readonly afterId: string | undefined; readonly limit: number } {
  checkOptions(`list ${subject}`, options, ['afterId', 'limit'])
  return { afterId: options.afterId, limit: checkPageLimit(`list ${subject}`, options.limit) }
}

/** @returns the limit, 1,000 when left out */
export function checkPageLimit(subject: string, limit: number | undefined): number {
  return checkWholeNumber(subject, 'limit', limit ?? 1000, { least: 1, most: 10_000 })
}
