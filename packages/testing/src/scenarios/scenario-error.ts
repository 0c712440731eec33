/** How a scenario fails: with what was expected, what came, and the difference. */

import { type Difference, differencesBetween } from '@cim/core'

/** A scenario did not end as it was told. Test runners that show `expected` and `actual` find them here. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError'
  readonly expected: unknown
  readonly actual: unknown

  constructor(message: string, expected?: unknown, actual?: unknown) {
    super(message)
    this.expected = expected
    this.actual = actual
  }
}

/**
 * Compares as JSON does: properties that are undefined count as missing.
 * @param scenario what was done, for the message
 * @param what is compared, for the message: one thing, so that it `is` not as expected
 * @throws {ScenarioError} when they differ
 */
export function assertSame(scenario: string, what: string, expected: unknown, actual: unknown): void {
  const differences = differencesBetween(expected, actual)
  if (differences.length === 0) return
  throw new ScenarioError(
    `${scenario}: ${what} is not as expected.\n` +
      `  expected: ${show(expected)}\n` +
      `  actual:   ${show(actual)}\n` +
      `  difference:\n${differences.map((one) => `    ${describe(one)}`).join('\n')}`,
    expected,
    actual,
  )
}

/** @returns a value as one line of JSON; what JSON cannot carry in JavaScript's own words */
export function show(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}

function describe({ pointer, kind, before, after }: Difference): string {
  const place = pointer === '' ? '(all of it)' : pointer
  switch (kind) {
    case 'added':
      return `${place}: not expected, got ${show(after)}`
    case 'removed':
      return `${place}: expected ${show(before)}, is missing`
    case 'changed':
      return `${place}: expected ${show(before)}, got ${show(after)}`
  }
}
