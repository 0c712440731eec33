/** Says what was thrown, whatever it was. */

const longestText = 10_000

/**
 * @param error anything that was thrown
 * @returns its message, well-formed and not longer than 10,000 characters; never throws itself
 */
export function messageOf(error: unknown): string {
  return textOf(() => (error instanceof Error ? error.message : error))
}

/**
 * @param read gives any value, or throws
 * @returns it as text, well-formed and not longer than 10,000 characters
 */
export function textOf(read: () => unknown): string {
  try {
    return String(read()).slice(0, longestText).toWellFormed()
  } catch {
    return 'something was thrown that is no text'
  }
}
