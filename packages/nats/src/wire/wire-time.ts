/** Points in time: ISO-8601, and as serde writes a `SystemTime`. */

import { parseTimestamp, ValidationError } from '@cim/core'

/** @see serde, the implementation of Serialize for std::time::SystemTime */
export interface SystemTime {
  readonly secs_since_epoch: number
  readonly nanos_since_epoch: number
}

/**
 * @param timestamp ISO-8601
 * @param subject what has it, for messages
 * @throws {ValidationError} when it is before 1970, which a SystemTime cannot be read from
 */
export function toSystemTime(timestamp: string, subject: string): SystemTime {
  const time = Date.parse(timestamp)
  if (!(time >= 0)) {
    const message = `must be ISO-8601 from 1970-01-01T00:00:00.000Z on for a SystemTime, got ${JSON.stringify(timestamp)}`
    throw new ValidationError(subject, [{ pointer: '/timestamp', message }])
  }
  const secs = Math.floor(time / 1000)
  return { secs_since_epoch: secs, nanos_since_epoch: (time - secs * 1000) * 1_000_000 }
}

/**
 * @param value a string or a SystemTime; what is finer than a millisecond is cut off
 * @returns ISO-8601 in UTC with milliseconds, undefined when it is no time
 */
export function readTime(value: unknown): string | undefined {
  if (typeof value === 'string') return readIso(value)
  if (typeof value !== 'object' || value === null) return undefined
  const { secs_since_epoch: secs, nanos_since_epoch: nanos } = value as Partial<SystemTime>
  if (!Number.isSafeInteger(secs) || !Number.isSafeInteger(nanos)) return undefined
  const [seconds, rest] = [secs as number, nanos as number]
  if (seconds < 0 || rest < 0 || rest > 999_999_999) return undefined
  return format(seconds * 1000 + Math.floor(rest / 1_000_000))
}

function readIso(text: string): string | undefined {
  try {
    // What Rust and Go write has up to nine digits, of which three are looked at.
    return format(parseTimestamp(text.replace(/(\.\d{3})\d+/, '$1'), '', Number.NaN))
  } catch {
    return undefined
  }
}

/** Years of four digits: others have another form. */
function format(time: number): string | undefined {
  return time >= -62_167_219_200_000 && time < 253_402_300_800_000 ? new Date(time).toISOString() : undefined
}
