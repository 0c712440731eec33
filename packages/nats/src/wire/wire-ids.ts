/** Ids as other services write them. */

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** @returns the id as Rust's `Uuid` writes it, undefined when it is none */
export function toUuid(id: string | undefined): string | undefined {
  return id !== undefined && uuid.test(id) ? id.toLowerCase() : undefined
}

/** What some services put before the ids of correlation and causation. */
export type IdPrefix = 'correlation:' | 'causation:'

/** An id that begins like the prefix itself gets one more, which is taken off again. */
export function withPrefixKept(id: string, prefix: IdPrefix): string {
  return id.startsWith(prefix) ? prefix + id : id
}

/** @returns the id without the prefix; nothing when there is no id behind it */
export function withoutPrefix(value: unknown, prefix: IdPrefix): unknown {
  if (typeof value !== 'string' || !value.startsWith(prefix)) return value
  return value === prefix ? undefined : value.slice(prefix.length)
}
