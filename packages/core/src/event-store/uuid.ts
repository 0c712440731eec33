/** Identifiers: time-ordered ones that are new, and ones derived from a name. */

import { sha256 } from '@noble/hashes/sha2.js'

const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const bytesPerId = 10
const utf8 = new TextEncoder()
const timeOrdered = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

/**
 * Makes a generator of UUIDv7: time-ordered, with 74 random bits. Random bytes are drawn for many ids at once, which is
 * an order of magnitude faster than one by one.
 * @param now the clock, milliseconds since 1970
 * @see RFC 9562, section 5.7
 */
export function createUuidGenerator(now: () => number = Date.now): () => string {
  const pool = new Uint8Array(bytesPerId * 256)
  let used = pool.length
  let newest = 0
  let counter = 0
  return () => {
    if (used === pool.length) {
      crypto.getRandomValues(pool)
      used = 0
    }
    // Within one millisecond the 12 bits after the time count up, so that ids of one process rise.
    const time = Math.max(now(), newest)
    counter = time === newest ? counter + 1 : (byteAt(pool, used) << 3) | (byteAt(pool, used + 1) & 7)
    newest = counter > 0xfff ? time + 1 : time
    if (counter > 0xfff) counter = 0
    const start = used + 2
    used += bytesPerId
    return formatUuid(newest.toString(16).padStart(12, '0'), 0x7000 | counter, pool, start)
  }
}

/**
 * Derives an id from a name: the same name gives the same id. When the name is itself a UUIDv7, the derived id keeps its
 * time, so that ids made from time-ordered names stay time-ordered.
 * @param scope keeps names of different kinds apart, for instance an aggregate type
 * @param name for instance a command id
 * @returns a UUIDv7-shaped id for a UUIDv7 name, a UUIDv8 for any other
 * @see RFC 9562, sections 5.7 and 5.8
 */
export function deriveUuid(scope: string, name: string): string {
  const hash = sha256(utf8.encode(`${scope}:${name}`))
  const isTimeOrdered = timeOrdered.test(name)
  const time = isTimeOrdered
    ? (name.slice(0, 8) + name.slice(9, 13)).toLowerCase()
    : Array.from(hash.subarray(10, 16), (byte) => hex[byte]).join('')
  const version = isTimeOrdered ? 0x7000 : 0x8000
  return formatUuid(time, version | (((byteAt(hash, 0) << 8) | byteAt(hash, 1)) & 0xfff), hash, 2)
}

/** Takes the last 8 bytes of the id from `bytes`, beginning at `start`. */
function formatUuid(time: string, versionAndMore: number, bytes: Uint8Array, start: number): string {
  const digits = (offset: number): string => hex[byteAt(bytes, start + offset)] ?? ''
  const variant = hex[(byteAt(bytes, start) & 0x3f) | 0x80] ?? ''
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-${versionAndMore.toString(16)}-${variant}${digits(1)}-` +
    `${digits(2)}${digits(3)}${digits(4)}${digits(5)}${digits(6)}${digits(7)}`
  )
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0
}
