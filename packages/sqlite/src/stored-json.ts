/** Reads JSON that this package wrote. */

import { StoreCorruptError } from '@cim/core'

/**
 * @param text as stored
 * @param subject what it is and where, for the message
 * @throws {StoreCorruptError} when it is no JSON
 */
export function parseStored(text: string, subject: () => string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new StoreCorruptError(
      `${subject()} is not what was written: it is no JSON. Keep a copy of the file, and restore a backup.`,
      { cause },
    )
  }
}
