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
  const [position, , sequence, , schemaVersion, , eventId, correlationId, commandId, causationId] = row
  const [, , , , , , , , , , userId, sessionId, , checksum, data] = row
  if (checksumOf(row) !== checksum) {
    throw new StoreCorruptError(
      `SQLite file ${path}: the event at position ${position} (${names.aggregateType} ${JSON.stringify(names.aggregateId)}, ` +
        `sequence ${sequence}) is not what was written: its checksum does not match. Keep a copy of the file, and restore a backup.`,
    )
  }
  return {
    eventId,
    aggregateType: names.aggregateType,
    aggregateId: names.aggregateId,
    sequence,
    position,
    eventType: names.eventType,
    schemaVersion,
    eventData: JSON.parse(data) as unknown,
    metadata: toMetadata(correlationId, commandId, causationId, userId, sessionId),
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
  const metadata: { -readonly [Name in keyof EventMetadata]: EventMetadata[Name] } = {}
  if (correlationId !== null) metadata.correlationId = correlationId
  if (causationId !== null) metadata.causationId = causationId
  if (commandId !== null) metadata.commandId = commandId
  if (userId !== null) metadata.userId = userId
  if (sessionId !== null) metadata.sessionId = sessionId
  return metadata
}

/** Ids contain no line feed, so that no two rows have the same text. */
function checksumOf(row: EventRow): number {
  return crc32(
    `${row[0]} ${row[1]} ${row[2]} ${row[3]} ${row[4]} ${row[5]} ${row[6]}\n` +
      `${row[7]}\n${row[8]}\n${row[9]}\n${row[10]}\n${row[11]}\n${row[12]}\n${row[14]}`,
  )
}
