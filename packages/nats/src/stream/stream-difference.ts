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

/** The settings that `allowUnsafe` may name: those with which the store works, though not as safely. */
export const acceptableSettings: readonly string[] = [
  'storage',
  'retention',
  'discard',
  'max_age',
  'max_bytes',
  'max_msgs',
  'max_msgs_per_subject',
  'discard_new_per_subject',
  'deny_delete',
  'deny_purge',
  'allow_rollup_hdrs',
  'allow_msg_ttl',
  'replicas',
]

/** @returns a table in words, for an error */
export function describeDifferences(differences: readonly StreamDifference[]): string {
  return differences
    .map(({ setting, expected, found, risk }) => `${setting} is ${found}, expected ${expected} (${risk})`)
    .join('; ')
}
