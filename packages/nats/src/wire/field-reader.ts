/** Takes fields out of a message that somebody else has written, and tells everything that is wrong with it at once. */

import { problemWithId, ValidationError, type ValidationIssue } from '@cim/core'
import { readTime } from './wire-time.ts'

/** A value, and where it was found or should have been. */
export interface Found {
  readonly value: unknown
  /** A JSON pointer into the body, or `/headers/<name>`. */
  readonly pointer: string
}

const typeName = /^[A-Za-z][A-Za-z0-9_-]{0,99}$/

/** Collects what is wrong. A reading method returns something of the right type in any case: {@link finish} throws. */
export class FieldReader {
  readonly #subject: string
  readonly #issues: ValidationIssue[] = []

  /** @param subject what is read, for messages */
  constructor(subject: string) {
    this.#subject = subject
  }

  /** @throws {ValidationError} when anything was wrong */
  finish(): void {
    if (this.#issues.length > 0) throw new ValidationError(this.#subject, this.#issues)
  }

  /** Takes over what was wrong with a part. */
  add(issues: readonly ValidationIssue[]): void {
    this.#issues.push(...issues)
  }

  fail(pointer: string, expected: string, value: unknown): void {
    this.#issues.push({ pointer, message: `must be ${expected}, got ${describe(value)}` })
  }

  /** @returns an object with no field of which is inherited; none when nothing came */
  object({ value, pointer }: Found): Readonly<Record<string, unknown>> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    this.fail(pointer, 'an object', value)
    return {}
  }

  /** An id of 1 to 200 characters. Numbers are not taken for text. */
  id({ value, pointer }: Found): string {
    const problem = problemWithId(value)
    if (problem === undefined) return value as string
    if (value === undefined || value === null) this.fail(pointer, 'a string', value)
    else this.#issues.push({ pointer, message: problem })
    return ''
  }

  /** The id of an entity: a string, `{"id": …}` or `{"value": …}`. */
  entityId({ value, pointer }: Found): string {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.id({ value, pointer })
    const field = ['id', 'value'].find((name) => Object.hasOwn(value, name))
    if (field !== undefined)
      return this.id({ value: (value as Record<string, unknown>)[field], pointer: `${pointer}/${field}` })
    this.fail(pointer, 'a string, {"id": "…"} or {"value": "…"}', value)
    return ''
  }

  typeName({ value, pointer }: Found): string {
    if (typeof value === 'string' && typeName.test(value)) return value
    this.fail(pointer, "a name: a letter, then letters, digits, '_' or '-', at most 100 characters", value)
    return ''
  }

  /** A whole number, also as a string of digits: headers have no others. */
  wholeNumber({ value, pointer }: Found, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
    const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
    if (Number.isSafeInteger(number) && (number as number) >= least && (number as number) <= most)
      return number as number
    this.fail(pointer, `a whole number from ${least} to ${most}`, value)
    return least
  }

  /** @returns ISO-8601 in UTC with milliseconds */
  time({ value, pointer }: Found): string {
    const time = readTime(value)
    if (time !== undefined) return time
    this.fail(
      pointer,
      'ISO-8601 with a time zone, for instance 2026-06-15T12:00:00.000Z, or {"secs_since_epoch": 1781524800, "nanos_since_epoch": 0}',
      value,
    )
    return ''
  }
}

/** @returns a field of its own; a missing one is undefined */
export function field(object: Readonly<Record<string, unknown>>, name: string, place = ''): Found {
  return { value: Object.hasOwn(object, name) ? object[name] : undefined, pointer: `${place}/${name}` }
}

/** @returns the first that is there, and not null; the first of all when none is, for the message */
export function first(found: Found, ...others: readonly Found[]): Found {
  return [found, ...others].find(({ value }) => value !== undefined && value !== null) ?? found
}

/** @returns whether there is anything */
export function isGiven({ value }: Found): boolean {
  return value !== undefined && value !== null
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
