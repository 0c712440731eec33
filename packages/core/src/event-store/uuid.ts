/** Identifiers: time-ordered ones that are new, and ones derived from a name. */

import { sha256 } from '@noble/hashes/sha2.js'

const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const hex3: readonly string[] = Array.from({ length: 4096 }, (_, value) => value.toString(16).padStart(3, '0'))
const utf8 = new TextEncoder()
const timeOrdered = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

/**
 * Makes a generator of UUIDv7: time-ordered, with 74 random bits. Random bytes are drawn for many ids at once, which is
 * an order of magnitude faster than one by one.
 * @param now the clock, milliseconds since 1970
 * @see RFC 9562, section 5.7
 */
export function createUuidGenerator(now: () => number = Date.now): () => string {
  let newest = -1
  let counter = 0
  let prefix = ''
  return () => {
    // The last 19 characters of a UUIDv4 are a hyphen, the variant and 62 random bits, as a UUIDv7 needs them; the runtime
    // makes them many at a time.
    const random = crypto.randomUUID()
    const time = Math.max(now(), newest)
    if (time === newest && counter < 0xfff) counter++
    else {
      newest = time === newest ? time + 1 : time
      counter = Number.parseInt(random.slice(0, 3), 16) >> 1
      const text = newest.toString(16).padStart(12, '0')
      prefix = `${text.slice(0, 8)}-${text.slice(8)}-7`
    }
    // Within one millisecond the 12 bits after the time count up, so that ids of one process rise.
    return prefix + (hex3[counter] ?? '') + random.slice(18)
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
