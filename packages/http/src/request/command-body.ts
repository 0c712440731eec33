/** Parses the body of a command: `{aggregateId?, data}`. */

import { escapePointer, problemWithId, ValidationError, type ValidationIssue } from '@cim/core'
import { HttpRequestError } from '../problems/http-errors.ts'
import { findInfinity } from './find-infinity.ts'
import { scanJson } from './scan-json.ts'

/** The body of a command, with nothing known about its data yet. */
export interface CommandBody {
  readonly aggregateId: string | undefined
  readonly data: unknown
}

/** One level for the body itself, and half of what the event store accepts, as an event may wrap what a command brings. */
const maxDepth = 101
const fields = ['aggregateId', 'data']

/**
 * @param text the body
 * @param commandType for the message
 * @throws {HttpRequestError} `invalid-json`
 * @throws {ValidationError} when the fields are not those of a command
 */
export function parseCommandBody(text: string, commandType: string): CommandBody {
  const { depth, topLevelFields } = scanJson(text)
  if (depth > maxDepth) {
    throw new HttpRequestError(
      'invalid-json',
      `The body is nested ${depth} levels deep; at most ${maxDepth} are accepted.`,
    )
  }
  const body = parse(text)
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid(commandType, [{ pointer: '', message: 'must be an object with the fields aggregateId and data' }])
  }
  const issues: ValidationIssue[] = []
  const names = Object.keys(body)
  for (const name of names) {
    if (!fields.includes(name))
      issues.push({ pointer: pointerTo(name), message: `is unknown. Known: ${fields.join(', ')}` })
  }
  if (topLevelFields.length !== names.length) {
    const seen = topLevelFields.map((field) => JSON.parse(field) as string)
    for (const name of names) {
      if (seen.indexOf(name) !== seen.lastIndexOf(name))
        issues.push({ pointer: pointerTo(name), message: 'is given twice' })
    }
  }
  const { aggregateId, data } = body as { readonly aggregateId?: unknown; readonly data?: unknown }
  const problem = aggregateId === undefined ? undefined : problemWithId(aggregateId)
  if (problem !== undefined) issues.push({ pointer: '/aggregateId', message: problem })
  if (data === undefined) issues.push({ pointer: '/data', message: 'is missing' })
  const infinity = findInfinity(text, body)
  if (infinity !== undefined)
    issues.push({ pointer: infinity, message: 'is too large a number: at most about 1.8e308' })
  if (issues.length > 0) throw invalid(commandType, issues)
  return { aggregateId: aggregateId as string | undefined, data }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const problem = text.trim() === '' ? 'it is empty' : cause instanceof Error ? cause.message : String(cause)
    throw new HttpRequestError('invalid-json', `The body must be a JSON object with the field data: ${problem}.`, {
      cause,
    })
  }
}

function invalid(commandType: string, issues: readonly ValidationIssue[]): ValidationError {
  return new ValidationError(`body of command ${commandType}`, issues)
}

function pointerTo(name: string): string {
  return `/${escapePointer(name)}`
}
