/** Events as rows of the log, and back. */

import { type DomainEventEnvelope, hashText, type PreparedEvent, StoreCorruptError } from '@cim/core'
import { type EnvelopeParts, packEnvelope, unpackEnvelope } from './packed-envelope.ts'
import { type EventRow, isIntact, withChecksum } from './row-checksum.ts'

/** Names and times that a row only has numbers for. */
export interface RowNames {
  readonly aggregateType: string
  readonly aggregateId: string
  readonly eventType: string
  readonly timestamp: string
}

/** Where an event stands, and when it was recorded. */
export interface RowPlace {
  readonly position: number
  readonly aggregate: number
  readonly sequence: number
  readonly eventType: number
  readonly recordedAt: number
  readonly commandFingerprint: number | null
}

/** @returns the row of an event */
export function toRow(event: PreparedEvent, place: RowPlace): EventRow {
  const { text } = event
  const { position, aggregate, sequence, eventType, recordedAt, commandFingerprint } = place
  const packed = packEnvelope(event, commandFingerprint)
  const envelope = withChecksum([position, aggregate, sequence, eventType, recordedAt, packed, text])
  return [position, aggregate, sequence, eventType, recordedAt, envelope, text]
}

/**
 * @param row as stored
 * @param names those of its aggregate and type
 * @param path the file, for the message
 * @throws {StoreCorruptError} when the row is not what was written
 */
export function toEnvelope(row: EventRow, names: RowNames, path: string): DomainEventEnvelope {
  // By index: taking the row apart with a pattern costs as much as the rest of this function.
  if (!isIntact(row)) {
    throw new StoreCorruptError(
      `SQLite file ${path}: the event at position ${row[0]} (${names.aggregateType} ${JSON.stringify(names.aggregateId)}, ` +
        `sequence ${row[2]}) is not what was written: its checksum does not match. Keep a copy of the file, and restore a backup.`,
    )
  }
  return new StoredEvent(row, unpackEnvelope(row[5]), names)
}

/**
 * Makes objects that are as plain as literals are, prototype included. Literals would not do: when those of the first batches
 * outlive a garbage collection, V8 makes all later ones old objects, whose data then grows old with them.
 */
const StoredEvent = function (
  this: { -readonly [Name in keyof DomainEventEnvelope]: DomainEventEnvelope[Name] },
  row: EventRow,
  parts: EnvelopeParts,
  names: RowNames,
) {
  this.eventId = parts.eventId
  this.aggregateType = names.aggregateType
  this.aggregateId = names.aggregateId
  this.sequence = row[2]
  this.position = row[0]
  this.eventType = names.eventType
  this.schemaVersion = parts.schemaVersion
  this.eventData = JSON.parse(row[6]) as unknown
  this.metadata = parts.metadata
  this.timestamp = names.timestamp
} as unknown as new (
  row: EventRow,
  parts: EnvelopeParts,
  names: RowNames,
) => DomainEventEnvelope
StoredEvent.prototype = Object.prototype

/** @returns hashes of an event's correlation id and command id, 0 for none; the second is 0 when both are the same */
export function causesOf({ metadata }: Pick<EnvelopeParts, 'metadata'>): readonly [number, number] {
  const { correlationId, commandId } = metadata
  const correlation = correlationId === undefined ? 0 : hashText(correlationId)
  const isOther = commandId !== undefined && commandId !== correlationId
  return [correlation, isOther ? hashText(commandId) : 0]
}
