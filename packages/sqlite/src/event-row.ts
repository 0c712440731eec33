/** Events as rows of the log, and back. */

import { crc32 } from 'node:zlib'
import { type DomainEventEnvelope, type EventMetadata, type PreparedEvent, StoreCorruptError } from '@cim/core'

/** A row of `events`, in the order of `eventColumns` in sql.ts. */
export type EventRow = readonly [
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
  checksum: number,
  data: string,
]

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
  },
): EventRow {
  const { eventId, schemaVersion, metadata, text } = event
  const { position, aggregate, sequence, eventType, recordedAt } = place
  const { correlationId = null, commandId = null, causationId = null, userId = null, sessionId = null } = metadata
  const command = commandId !== null && commandId === correlationId ? same : commandId
  const causation = causationId !== null && causationId === commandId ? same : causationId
  const checksum = checksumOf(aggregate, sequence, eventType, recordedAt, eventId, text)
  return [
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
    checksum,
    text,
  ]
}

/**
 * @param row as stored
 * @param names those of its aggregate and type
 * @param path the file, for the message
 * @throws {StoreCorruptError} when the row is not what was written
 */
export function toEnvelope(row: EventRow, names: RowNames, path: string): DomainEventEnvelope {
  const [position, aggregate, sequence, type, schemaVersion, recordedAt, eventId] = row
  const [, , , , , , , correlationId, commandId, causationId, userId, sessionId, checksum, data] = row
  if (checksumOf(aggregate, sequence, type, recordedAt, eventId, data) !== checksum) {
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

function checksumOf(
  aggregate: number,
  sequence: number,
  type: number,
  recordedAt: number,
  eventId: string,
  data: string,
): number {
  return crc32(`${aggregate} ${sequence} ${type} ${recordedAt} ${eventId} ${data}`)
}
