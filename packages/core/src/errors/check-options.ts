/** Refuses a misspelled option instead of ignoring it. */

import { InvalidOptionError } from './input-errors.ts'

/**
 * @param subject who takes the options, for the message
 * @param options the object that came, or undefined
 * @param known every name that is allowed
 * @throws {InvalidOptionError} when an unknown name is present
 */
export function checkOptions(subject: string, options: object | undefined, known: readonly string[]): void {
  if (options === undefined) return
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new InvalidOptionError(subject, name, `is unknown. Known: ${known.join(', ')}.`)
  }
}

/**
 * @param subject who takes the option, for the message
 * @param name the option's name
 * @param value what came
 * @param range inclusive bounds
 * @returns the value
 * @throws {InvalidOptionError} when it is not a whole number within the bounds
 */
export function checkWholeNumber(
  subject: string,
  name: string,
  value: number,
  range: { readonly least: number; readonly most?: number },
): number {
  const most = range.most ?? Number.MAX_SAFE_INTEGER
  if (!Number.isSafeInteger(value) || value < range.least || value > most) {
    throw new InvalidOptionError(
      subject,
      name,
      `must be a whole number from ${range.least} to ${most}, got ${String(value)}.`,
    )
  }
  return value
}
