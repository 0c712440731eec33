/** A proof of which events a processor has seen: two counts that agree with the log only when none was left out or came twice. */

/** Every event that has been processed, parked or discarded, up to a position. */
export interface SeenEvents {
  readonly count: number
  /** A sum over the positions, from 0 up to 2^32. */
  readonly checksum: number
}

/** Of a processor that has seen nothing. */
export const nothingSeen: SeenEvents = Object.freeze({ count: 0, checksum: 0 })

/**
 * @param seen before
 * @param events those that came, in any order
 * @returns what has been seen with them
 */
export function withSeen(seen: SeenEvents, events: readonly { readonly position: number }[]): SeenEvents {
  let { checksum } = seen
  for (const { position } of events) checksum = (checksum + scatter(position)) >>> 0
  return { count: seen.count + events.length, checksum }
}

/** Spreads neighbouring numbers over 32 bits, so that no missing event is made up for by another that came twice. */
function scatter(position: number): number {
  let bits = Math.imul((position | 0) ^ Math.floor(position / 4294967296), 0x9e3779b1)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
