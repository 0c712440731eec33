/** Events as rows of the log, and back. */

import { crc32 } from 'node:zlib'
import { type DomainEventEnvelope, type EventMetadata, type PreparedEvent, StoreCorruptError } from '@cim/core'

/** What the checksum of a row covers besides its data. */
type EventColumns = readonly [
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
]

/** A row of `events`, in the order of `eventColumns` in sql.ts. */
export type EventRow = readonly [...columns: EventColumns, checksum: number, data: string]

/** Names and times that a row only has numbers for. */
export interface RowNames {
  readonly aggregateType: string
  readonly aggregateId: string
  readonly eventType: string
  readonly timestamp: string
}

/** Stands for "the same as the column before": ids are never empty. */
const same = ''

/** @returns the row of an event, and its hashable causes */
export function toRow(
  event: PreparedEvent,
  place: {
    readonly position: number
    readonly aggregate: number
    readonly sequence: number
    readonly eventType: number
    readonly recordedAt: number
    readonly commandFingerprint: number | null
  },
): EventRow {
  const { eventId, schemaVersion, metadata, text } = event
  const { position, aggregate, sequence, eventType, recordedAt, commandFingerprint } = place
  const { correlationId = null, commandId = null, causationId = null, userId = null, sessionId = null } = metadata
  const command = commandId !== null && commandId === correlationId ? same : commandId
  const causation = causationId !== null && causationId === commandId ? same : causationId
  const row: [...EventColumns, number, string] = [
    position,
    aggregate,
    sequence,
    eventType,
    schemaVersion,
    recordedAt,
    eventId,
    correlationId,
    command,
    causation,
    userId,
    sessionId,
    commandFingerprint,
    0,
    text,
  ]
  row[13] = checksumOf(row)
  return row
}

/**
 * @param row as stored
 * @param names those of its aggregate and type
 * @param path the file, for the message
 * @throws {StoreCorruptError} when the row is not what was written
 */
export function toEnvelope(row: EventRow, names: RowNames, path: string): DomainEventEnvelope {
  // By index: taking the row apart with a pattern costs as much as the rest of this function.
  if (checksumOf(row) !== row[13]) {
    throw new StoreCorruptError(
      `SQLite file ${path}: the event at position ${row[0]} (${names.aggregateType} ${JSON.stringify(names.aggregateId)}, ` +
        `sequence ${row[2]}) is not what was written: its checksum does not match. Keep a copy of the file, and restore a backup.`,
    )
  }
  return {
    eventId: row[6],
    aggregateType: names.aggregateType,
    aggregateId: names.aggregateId,
    sequence: row[2],
    position: row[0],
    eventType: names.eventType,
    schemaVersion: row[4],
    eventData: JSON.parse(row[14]) as unknown,
    metadata: toMetadata(row[7], row[8], row[9], row[10], row[11]),
    timestamp: names.timestamp,
  }
}

/** @returns the id in a column that may say "the same as the one before" */
export function resolveSame(id: string | null, before: string | null): string | null {
  return id === same ? before : id
}

function toMetadata(
  correlationId: string | null,
  storedCommandId: string | null,
  storedCausationId: string | null,
  userId: string | null,
  sessionId: string | null,
): EventMetadata {
  const commandId = resolveSame(storedCommandId, correlationId)
  const causationId = resolveSame(storedCausationId, commandId)
  // The usual one, of one shape that is made at once.
  if (correlationId !== null && commandId !== null && causationId !== null && userId === null && sessionId === null) {
    return { correlationId, causationId, commandId }
  }
  const metadata: { -readonly [Name in keyof EventMetadata]: EventMetadata[Name] } = {}
  if (correlationId !== null) metadata.correlationId = correlationId
  if (causationId !== null) metadata.causationId = causationId
  if (commandId !== null) metadata.commandId = commandId
  if (userId !== null) metadata.userId = userId
  if (sessionId !== null) metadata.sessionId = sessionId
  return metadata
}

/** Longer data is left to the runtime's CRC, which takes a fixed time to call and then hardly any. */
const longestHashedText = 512

/** Any change of one column changes it for certain; one of several columns escapes once in four thousand million times. */
function checksumOf(row: EventRow): number {
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

/** In two lanes, since each step waits for the one before it. */
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
