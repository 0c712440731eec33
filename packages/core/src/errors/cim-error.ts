/** The base of every error this project throws. */

const brand = Symbol.for('cim.error')

/**
 * An error with a stable, machine-readable code.
 *
 * Branch on `code` (or {@link isCimError} and `code`), never on the message and never on `instanceof`:
 * two copies of this module may be loaded side by side.
 */
export abstract class CimError extends Error {
  /** Stable kebab-case identifier of the kind of error. */
  abstract readonly code: string

  static {
    Object.defineProperty(CimError.prototype, brand, { value: true })
  }
}

/**
 * Tells whether a value is an error of this project, whichever copy of the module made it.
 * @param value anything that was thrown
 */
export function isCimError(value: unknown): value is CimError {
  return typeof value === 'object' && value !== null && (value as { readonly [name: symbol]: unknown })[brand] === true
}

/**
 * Tells whether a value is an error of this project with the given code.
 * @param value anything that was thrown
 * @param code the stable code, for instance `concurrency`
 */
export function hasErrorCode(value: unknown, code: string): value is CimError {
  return isCimError(value) && value.code === code
}
