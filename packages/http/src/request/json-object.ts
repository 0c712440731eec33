/** Parses the body of a request that steers the service: a small JSON object with known fields. */

import { escapePointer, ValidationError, type ValidationIssue } from '@cim/core'
import type { Context } from 'hono'
import { HttpRequestError } from '../problems/http-errors.ts'
import { readText } from './request-body.ts'
import { checkContentType } from './request-headers.ts'
import { scanJson } from './scan-json.ts'

/** Far more than any of these bodies needs. */
const maxBytes = 64 * 1024
const maxDepth = 5

/** A value in a body, and what it may be. */
export type FieldType = 'boolean' | 'number' | 'string' | 'object'

/** The fields of a parsed body. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * @param context of a request whose body has not been read
 * @param subject for messages
 * @param fields that may be there, and their types
 * @throws {HttpRequestError} `unsupported-media-type`, `body-too-large`, `invalid-json`
 * @throws {ValidationError} when a field is unknown, given twice, or of another type
 */
export async function readJsonObject(
  context: Context,
  subject: string,
  fields: Readonly<Record<string, FieldType>>,
): Promise<JsonObject> {
  const request = context.req.raw
  checkContentType(request.headers)
  const text = await readText(request, maxBytes, context.env?.incoming !== undefined)
  const { depth, topLevelFields } = scanJson(text)
  if (depth > maxDepth) {
    const message = `The body is nested ${depth} levels deep; at most ${maxDepth} are accepted.`
    throw new HttpRequestError('invalid-json', message)
  }
  const body = parse(text)
  if (isObject(body) && topLevelFields.length !== Object.keys(body).length) {
    throw new ValidationError(subject, [{ pointer: '', message: 'gives a field twice' }])
  }
  return checkObject(body, subject, fields)
}

/**
 * @param body that has been read
 * @param name of a field whose type is `number`
 * @param subject for messages
 * @returns the whole number from `least` to `most`; undefined when it is not given
 * @throws {ValidationError} when it is not whole, or out of range
 */
export function wholeNumberIn(
  body: JsonObject,
  name: string,
  subject: string,
  range: { readonly least: number; readonly most?: number },
): number | undefined {
  const value = body[name]
  if (value === undefined) return undefined
  const { least, most = Number.MAX_SAFE_INTEGER } = range
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  const message = `must be a whole number from ${least} to ${most}, got ${value}`
  throw new ValidationError(subject, [{ pointer: `/${escapePointer(name)}`, message }])
}

/**
 * @param value what came
 * @param subject for messages
 * @param fields that may be there, and their types
 * @param place a JSON pointer to the value
 * @throws {ValidationError} when it is no object, or a field is unknown or of another type
 */
export function checkObject(
  value: unknown,
  subject: string,
  fields: Readonly<Record<string, FieldType>>,
  place = '',
): JsonObject {
  const known = Object.keys(fields)
  const names = known.length === 0 ? 'without fields' : `with the fields ${known.join(', ')}`
  if (!isObject(value)) throw new ValidationError(subject, [{ pointer: place, message: `must be an object ${names}` }])
  const issues: ValidationIssue[] = []
  for (const [name, field] of Object.entries(value)) {
    const pointer = `${place}/${escapePointer(name)}`
    const type = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (type === undefined) issues.push({ pointer, message: `is unknown. Known: ${known.join(', ') || 'none'}` })
    else if (!isOf(type, field)) issues.push({ pointer, message: `must be ${articles[type]} ${type}` })
  }
  if (issues.length > 0) throw new ValidationError(subject, issues)
  return value
}

const articles: Readonly<Record<FieldType, string>> = { boolean: 'a', number: 'a', string: 'a', object: 'an' }

function isOf(type: FieldType, value: unknown): boolean {
  return type === 'object' ? isObject(value) : typeof value === type
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const problem = text.trim() === '' ? 'it is empty' : cause instanceof Error ? cause.message : String(cause)
    throw new HttpRequestError('invalid-json', `The body must be a JSON object, for instance {}: ${problem}.`, {
      cause,
    })
  }
}
