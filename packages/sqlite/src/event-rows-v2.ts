/**
 * Rows of the log as schema versions 1 and 2 had them, with a column for each part of the envelope: they are converted
 * when a file of such a version is opened. Nothing here ever changes.
 */

import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { EventMetadata } from '@cim/core'
import { packEnvelope } from './packed-envelope.ts'
import { withChecksum } from './row-checksum.ts'

/** In the order of the columns. `''` stands for the same as the column before. */
type OldRow = readonly [
  position: number,
  aggregate: number,
  sequence: number,
  eventType: number,
  schemaVersion: number,
  recordedAt: number,
  eventId: string,
  correlationId: string | null,
  commandId: string | null,
  causationId: string | null,
  userId: string | null,
  sessionId: string | null,
  commandFingerprint: number | null,
  checksum: number,
  data: string,
]

/** Instead of the checksum of a row that was damaged before it was converted: no row ever has this one. */
const damaged = 'damaged!'

// A number that JavaScript cannot hold is damage, and would end the conversion.
const convertBatch = `
  INSERT INTO events
  SELECT position, aggregate, sequence, event_type, recorded_at,
    CASE WHEN max(position, aggregate, sequence, event_type, schema_version, recorded_at, checksum,
        ifnull(command_fingerprint, 0)) <= ${Number.MAX_SAFE_INTEGER}
      AND min(position, aggregate, sequence, event_type, schema_version, recorded_at, checksum,
        ifnull(command_fingerprint, 0)) >= ${Number.MIN_SAFE_INTEGER}
      THEN pack_envelope(position, aggregate, sequence, event_type, schema_version, recorded_at, event_id, correlation_id,
        command_id, causation_id, user_id, session_id, command_fingerprint, checksum, data)
      ELSE '${damaged} ' || schema_version || ' - ' || event_id || ' ' || ifnull(correlation_id, '-') END,
    data
  FROM events_before ORDER BY position LIMIT ?`

const deleteBatch = 'DELETE FROM events_before WHERE position <= (SELECT max(position) FROM events)'

/**
 * Inside a transaction: moves all rows from `events_before` to `events`. A row that was damaged stays recognisable as such.
 * @param rowsPerBatch so many rows are in both tables at a time: all at once would double the file
 */
export function convertEventRows(database: DatabaseSync, rowsPerBatch: number = 10_000): void {
  database.function('pack_envelope', { deterministic: true, varargs: true }, (...row) =>
    convertEnvelope(row as unknown as OldRow),
  )
  const insert = database.prepare(convertBatch)
  const remove = database.prepare(deleteBatch)
  while (insert.run(rowsPerBatch).changes > 0) remove.run()
}

function convertEnvelope(row: OldRow): string {
  const [position, aggregate, sequence, eventType, schemaVersion, recordedAt, eventId] = row
  const packed = packEnvelope({ schemaVersion, eventId, metadata: metadataOf(row) }, row[12])
  if (checksumOf(row) !== row[13]) return damaged + packed
  return withChecksum([position, aggregate, sequence, eventType, recordedAt, packed, row[14]])
}

function metadataOf(row: OldRow): EventMetadata {
  const correlationId = row[7]
  const commandId = row[8] === '' ? correlationId : row[8]
  const causationId = row[9] === '' ? commandId : row[9]
  const metadata = { correlationId, commandId, causationId, userId: row[10], sessionId: row[11] }
  return Object.fromEntries(Object.entries(metadata).filter(([, id]) => id !== null))
}

const longestHashedText = 512

function checksumOf(row: OldRow): number {
  let hash = 0
  for (let column = 0; column < 6; column++) {
    const number = row[column] as number
    hash = Math.imul(hash ^ (number | 0) ^ (number / 4294967296), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  for (let column = 6; column < 12; column++) hash = hashText(hash, row[column] as string | null)
  const fingerprint = row[12] ?? -1
  hash = Math.imul(hash ^ (fingerprint | 0) ^ (fingerprint / 4294967296), 0x9e3779b1)
  const data = row[14]
  return data.length > longestHashedText ? crc32(data, hash >>> 0) : hashText(hash, data) >>> 0
}

function hashText(seed: number, text: string | null): number {
  if (text === null) return Math.imul(seed ^ 0x1ff, 0x01000193)
  const { length } = text
  let even = seed
  let odd = length
  for (let index = 1; index < length; index += 2) {
    even = Math.imul(even ^ text.charCodeAt(index - 1), 0x01000193)
    odd = Math.imul(odd ^ text.charCodeAt(index), 0x85ebca6b)
  }
  if (length % 2 === 1) even = Math.imul(even ^ text.charCodeAt(length - 1), 0x01000193)
  even ^= even >>> 15
  return Math.imul(even ^ (odd ^ (odd >>> 13)), 0x2c1b3c6d)
}
