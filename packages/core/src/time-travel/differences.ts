/** What changed between two states. */

import { escapePointer } from '../event-store/json.ts'

/** One place that is different. */
export interface Difference {
  /** RFC 6901 JSON pointer to the place. */
  readonly pointer: string
  readonly kind: 'added' | 'removed' | 'changed'
  /** Absent when added. */
  readonly before?: unknown
  /** Absent when removed. */
  readonly after?: unknown
}

/**
 * Compares two plain JSON values. Objects are compared property by property, arrays place by place.
 * @returns the smallest places that differ, in the order of the properties; none when the values are equal
 */
export function differencesBetween(before: unknown, after: unknown): readonly Difference[] {
  const found: Difference[] = []
  compare(before, after, '', found)
  return found
}

function compare(before: unknown, after: unknown, pointer: string, found: Difference[]): void {
  if (Object.is(before, after)) return
  if (before === undefined) found.push({ pointer, kind: 'added', after })
  else if (after === undefined) found.push({ pointer, kind: 'removed', before })
  else if (isContainer(before) && isContainer(after) && Array.isArray(before) === Array.isArray(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)])
    for (const key of keys)
      compare(valueAt(before, key), valueAt(after, key), `${pointer}/${escapePointer(key)}`, found)
  } else found.push({ pointer, kind: 'changed', before, after })
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function valueAt(container: object, key: string): unknown {
  return Object.hasOwn(container, key) ? (container as Record<string, unknown>)[key] : undefined
}
