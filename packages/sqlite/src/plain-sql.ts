/** Keeps statements that others wrote to reading. */

import { constants, type DatabaseSync } from 'node:sqlite'
import { ValidationError } from '@cim/core'
import { resultCodeOf } from './sqlite-errors.ts'

// https://www.sqlite.org/rescode.html
const statementErrors: ReadonlySet<number> = new Set([
  1, // ERROR: bad syntax, an unknown name, a function that refuses its argument
  8, // READONLY
  18, // TOOBIG
  20, // MISMATCH
  23, // AUTH: it would do more than read
  25, // RANGE: too many parameters
])

const reading: ReadonlySet<number> = new Set([
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
])

/**
 * Refuses, from now on, every statement of a connection that could change anything: a table, a setting, another file, or
 * what the connection sees next because of a transaction that stays open.
 */
export function allowReadingOnly(database: DatabaseSync): void {
  database.exec('PRAGMA query_only = ON')
  database.setAuthorizer((action) => (reading.has(action) ? constants.SQLITE_OK : constants.SQLITE_DENY))
}

/** @returns an error that blames the statement, when it is to blame; any other unchanged */
export function toQueryError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = resultCodeOf(error)
  const isRefused = code === undefined ? 'code' in error : statementErrors.has(code & 0xff)
  if (!isRefused) return error
  const message = `must be one SELECT statement with as many parameters as it has placeholders (${error.message})`
  return new ValidationError('SQL query', [{ pointer: '', message }], { cause: error })
}
