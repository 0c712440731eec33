/** A setting of a stream that is not as it should be. */

/** What a server may do with the events that it should not, or cannot do that it should. */
export interface StreamDifference {
  /** The setting, as `allowUnsafe` names it. */
  readonly setting: string
  readonly expected: string
  readonly found: string
  /** What may happen. */
  readonly risk: string
  /** True when the store cannot work at all like this. */
  readonly isImpossible: boolean
}

/** @returns a table in words, for an error */
export function describeDifferences(differences: readonly StreamDifference[]): string {
  return differences
    .map(({ setting, expected, found, risk }) => `${setting} is ${found}, expected ${expected} (${risk})`)
    .join('; ')
}
