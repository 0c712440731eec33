/** Tells whether a row of the log is what was written. */

import { crc32 } from 'node:zlib'
import { checksumLength } from './packed-envelope.ts'

/** A row of `events`, in the order of `eventColumns` in sql.ts. */
export type EventRow = readonly [
  position: number,
  aggregate: number,
  sequence: number,
  eventType: number,
  /** Milliseconds since 1970. */
  recordedAt: number,
  envelope: string,
  data: string,
]

/** Longer data is left to the runtime's CRC, which takes a fixed time to call and then hardly any. */
const longestMixedText = 4096
/** No envelope that was written is longer; of a damaged one so much is looked at. */
const longestEnvelope = 16 * 1024
/** Texts become bytes here, of which four are taken at a time; nothing stays in it from one row to the next. */
const scratch = Buffer.alloc(longestEnvelope + 3 * longestMixedText + 4)
const scratchView = new DataView(scratch.buffer, scratch.byteOffset, scratch.length)
const hexDigits = Buffer.from('0123456789abcdef')

/**
 * @param packed an envelope without its checksum
 * @returns the envelope with it
 */
export function withChecksum([position, aggregate, sequence, eventType, recordedAt, packed, data]: EventRow): string {
  const length = scratch.write(packed, checksumLength, longestEnvelope - checksumLength)
  const checksum = checksumOf(position, aggregate, sequence, eventType, recordedAt, checksumLength + length, data)
  return checksum.toString(16).padStart(checksumLength, '0') + packed
}

/** @returns whether the row is what was written */
export function isIntact(row: EventRow): boolean {
  const length = scratch.write(row[5], 0, longestEnvelope)
  const checksum = checksumOf(row[0], row[1], row[2], row[3], row[4], length, row[6])
  let shift = 28
  for (let index = 0; index < checksumLength; index++) {
    if (scratch[index] !== hexDigits[(checksum >>> shift) & 15]) return false
    shift -= 4
  }
  return true
}

/**
 * MurmurHash3 of all numbers and of both texts. Any change of one number below 2^32 or of four bytes in a row, counted from
 * the first, changes it for certain; any other change escapes once in four thousand million times.
 * @param envelopeEnd where the envelope ends in the scratch memory
 * @see https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
 */
function checksumOf(
  position: number,
  aggregate: number,
  sequence: number,
  eventType: number,
  recordedAt: number,
  envelopeEnd: number,
  data: string,
): number {
  const isLong = data.length > longestMixedText
  const end = isLong ? envelopeEnd : envelopeEnd + scratch.write(data, envelopeEnd)
  let hash = mix(0, position)
  hash = mix(hash, aggregate)
  hash = mix(hash, sequence)
  hash = mix(hash, eventType)
  hash = mix(hash, recordedAt)
  // What the numbers have beyond 32 bits: not even a change of those alone escapes.
  hash = mix(hash, (position + aggregate + sequence + eventType + recordedAt) / 4294967296)
  hash = mix(hash, (end << 15) | envelopeEnd)
  // What is left of the last four bytes is zero.
  scratchView.setInt32(end, 0)
  for (let index = checksumLength; index < end; index += 4) hash = mix(hash, scratchView.getInt32(index, true))
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  hash = (hash ^ (hash >>> 16)) >>> 0
  return isLong ? crc32(data, hash) : hash
}

function mix(hash: number, word: number): number {
  let scattered = Math.imul(word, 0xcc9e2d51)
  scattered = Math.imul((scattered << 15) | (scattered >>> 17), 0x1b873593)
  const mixed = hash ^ scattered
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}
