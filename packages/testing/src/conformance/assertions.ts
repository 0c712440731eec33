/** Assertions that the suites share. */

import assert from 'node:assert/strict'
import { isCimError } from '@cim/core'

/**
 * @param action a promise that must be rejected, or a function that must throw
 * @param code the stable code that the error must have
 * @param fields what else the error must say
 */
export async function rejectsWithCode(
  action: Promise<unknown> | (() => unknown),
  code: string,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  let outcome: unknown
  try {
    outcome = await (typeof action === 'function' ? action() : action)
  } catch (error) {
    if (!isCimError(error)) throw error
    const found = Object.fromEntries(Object.keys(fields).map((name) => [name, error[name as keyof typeof error]]))
    assert.deepEqual({ code: error.code, ...found }, { code, ...fields }, error.message)
    return
  }
  assert.fail(`Expected an error with the code '${code}', but it succeeded: ${inspect(outcome)}`)
}

/** @param numbers must rise from each to the next */
export function assertRising(numbers: readonly number[]): void {
  for (const [index, number] of numbers.entries()) {
    assert.ok(Number.isSafeInteger(number), `${number} is not a safe integer`)
    const before = numbers[index - 1]
    assert.ok(before === undefined || before < number, `${number} follows ${before}`)
  }
}

/** @param value must be there */
export function present<TValue>(value: TValue | undefined): TValue {
  assert.notEqual(value, undefined)
  return value as TValue
}

function inspect(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 200) ?? String(value)
}
