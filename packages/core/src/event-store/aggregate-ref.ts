/** Names one aggregate. */

import { ValidationError } from '../errors/input-errors.ts'

declare const entityType: unique symbol

/** A string that identifies an entity of one type, so that a person's id is not taken for an organization's. */
export type EntityId<TType extends string = string> = string & { readonly [entityType]: TType }

/** One aggregate: ids are unique within their aggregate type. */
export interface AggregateRef {
  readonly aggregateType: string
  readonly aggregateId: string
}

/** The most characters (UTF-16 code units) an identifier may have. */
export const maxIdLength = 200

const typeName = /^[A-Za-z][A-Za-z0-9_-]{0,99}$/

/**
 * Says what is wrong with an identifier (aggregate, event, command, correlation, user or session id).
 * @param id what came
 * @returns the expectation that it misses, or undefined when it is a good identifier
 */
export function problemWithId(id: unknown): string | undefined {
  if (typeof id !== 'string') return `must be a string, got ${id === null ? 'null' : typeof id}`
  if (id.length === 0 || id.length > maxIdLength) return `must have 1 to ${maxIdLength} characters, got ${id.length}`
  let isLatin = true
  for (let index = 0; index < id.length; index++) {
    const unit = id.charCodeAt(index)
    if (unit < 0x20 || unit === 0x7f) return 'must not contain control characters'
    if (unit > 0xff) isLatin = false
  }
  if (!isLatin && !id.isWellFormed()) return 'must be well-formed Unicode (it contains half of a surrogate pair)'
  return undefined
}

/**
 * Tells whether a name can be an aggregate, event, command, query or view type: a letter, then letters, digits, `_` or `-`,
 * at most 100 characters, so that it is one token of a subject, a path and a table name.
 * @param name what came
 */
export function isTypeName(name: unknown): name is string {
  return typeof name === 'string' && typeName.test(name)
}

/**
 * @param aggregate what came
 * @throws {ValidationError} when the type or the id is not acceptable
 */
export function checkAggregateRef(aggregate: AggregateRef): void {
  const problem = problemWithId(aggregate.aggregateId)
  if (problem !== undefined) {
    throw new ValidationError('aggregate id', [{ pointer: '/aggregateId', message: problem }])
  }
  if (!isTypeName(aggregate.aggregateType)) {
    throw new ValidationError('aggregate type', [
      {
        pointer: '/aggregateType',
        message: `must be a letter, then letters, digits, '_' or '-', got ${JSON.stringify(aggregate.aggregateType)}`,
      },
    ])
  }
}
