/** Calls what the application wants to be told of, without depending on it. */

/**
 * @param report a callback of the application, for instance one that logs
 * @returns a function that calls it and never throws: what fails in a report must not fail what was reported
 */
export function neverThrowing<TArguments extends readonly unknown[]>(
  report: ((...input: TArguments) => void) | undefined,
): (...input: TArguments) => void {
  return (...input) => {
    try {
      report?.(...input)
    } catch {
      // There is nobody left to tell.
    }
  }
}
