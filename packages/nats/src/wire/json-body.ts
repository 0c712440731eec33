/** JSON as bytes, without anything that reading it would change in silence. */

import { encodeJson, escapePointer, ValidationError } from '@cim/core'

const utf8Decoder = new TextDecoder('utf-8', { fatal: true })
const utf8Encoder = new TextEncoder()
/** The event store accepts data of 200 levels; an envelope puts some around it. */
const eventDepth = 205
/** Fewer digits, without an exponent, always fit. */
const mayChange = /\d{16}|\d[eE]/

/** @returns the bytes of plain JSON data */
export function toBytes(value: unknown): Uint8Array {
  return utf8Encoder.encode(JSON.stringify(value))
}

/**
 * @param bytes of a message's body
 * @param subject what it is, for messages
 * @param place a JSON pointer to where the bytes stand
 * @param mostDepth how many levels may be nested
 * @returns the value; a property called `__proto__` is a property like any other
 * @throws {ValidationError} when it is not UTF-8, not JSON, too deep, or has a number that JavaScript cannot hold
 */
export function parseJson(bytes: Uint8Array, subject: string, place = '', mostDepth: number = eventDepth): unknown {
  const fail = (message: string, cause?: unknown): never => {
    throw new ValidationError(subject, [{ pointer: place, message }], { cause })
  }
  let text = ''
  try {
    text = utf8Decoder.decode(bytes)
  } catch (cause) {
    return fail('must be JSON in UTF-8, got bytes that are not UTF-8', cause)
  }
  if (text.trim() === '') return fail('must be JSON, got nothing')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return fail(`must be JSON: ${(cause as Error).message}`, cause)
  }
  if (isDeeper(value, mostDepth)) return fail(`must be nested ${mostDepth} levels deep at most`)
  if (mayChange.test(text)) checkNumbers(text, subject, place)
  return value
}

function isDeeper(value: unknown, most: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (most === 0) return true
  for (const key in value) if (isDeeper(value[key as keyof typeof value], most - 1)) return true
  return false
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

function checkNumbers(text: string, subject: string, place: string): void {
  const check: Reviver = (key, value, { source }) => {
    if (typeof value !== 'number' || source === undefined || isKept(value, source)) return value
    const message = `must be a number that a double can hold, got ${source} (at ${JSON.stringify(key)}); send it as a string`
    throw new ValidationError(subject, [{ pointer: `${place}/${escapePointer(key)}`, message }])
  }
  JSON.parse(text, check as (key: string, value: unknown) => unknown)
}

/** A fraction is rounded, as everywhere; a whole number is another number afterwards. */
function isKept(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false
  return !/^-?\d+$/.test(source) || String(value) === source || BigInt(value) === BigInt(source)
}

/** @throws {ValidationError} when it is not plain JSON: a date, a function, NaN … */
export function checkJson(value: unknown, subject: string, pointer: string): unknown {
  try {
    return encodeJson(value).value
  } catch (cause) {
    throw new ValidationError(subject, [{ pointer, message: (cause as Error).message }], { cause })
  }
}
