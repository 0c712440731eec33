/** Finds numbers that were too large for JavaScript and have silently become infinite. */

import { escapePointer } from '@cim/core'

/** An exponent of three digits, or more digits than the largest number has. */
const mayOverflow = /[eE]\+?\d{3}|\d{309}/

/**
 * @param text a JSON document
 * @param value what parsing it gave
 * @returns a JSON pointer to the first infinite number; undefined when there is none
 */
export function findInfinity(text: string, value: unknown): string | undefined {
  return mayOverflow.test(text) ? find(value, '') : undefined
}

function find(value: unknown, pointer: string): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : pointer
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, item] of Object.entries(value)) {
    const found = find(item, `${pointer}/${escapePointer(key)}`)
    if (found !== undefined) return found
  }
  return undefined
}
