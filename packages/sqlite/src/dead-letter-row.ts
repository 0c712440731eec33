/** How dead letters stand in their tables. */

import type { SQLInputValue } from 'node:sqlite'
import type { DeadLetterFilter, DeadLetterSequence, DiscardedDeadLetter, ProcessingFailure } from '@cim/core'
import { parseStored } from './stored-json.ts'

/** A row of `dead_letters`. */
export interface DeadLetterRow {
  readonly key: number
  readonly processor: string
  readonly aggregate_type: string
  readonly aggregate_id: string
  readonly state: DeadLetterSequence['state']
  readonly from_sequence: number
  readonly from_position: number
  readonly to_sequence: number
  readonly to_position: number
  readonly event_count: number
  readonly attempts: number
  /** JSON. */
  readonly failure: string
  readonly first_failed_at: string
  readonly last_failed_at: string
  readonly next_attempt_at: string | null
}

/** A row of `discarded_dead_letters`. */
export interface DiscardedRow extends DeadLetterRow {
  readonly reason: string
  readonly discarded_by: string | null
  readonly discarded_at: string
}

/** @returns the values of a row, in the order of the columns of `deadLetterSql.put` */
export function toDeadLetterRow(processorName: string, sequence: DeadLetterSequence): SQLInputValue[] {
  const { failure } = sequence
  return [
    processorName,
    sequence.aggregateType,
    sequence.aggregateId,
    sequence.state,
    sequence.fromSequence,
    sequence.fromPosition,
    sequence.toSequence,
    sequence.toPosition,
    sequence.eventCount,
    sequence.attempts,
    failure.eventType,
    failure.name,
    JSON.stringify(failure),
    sequence.firstFailedAt,
    sequence.lastFailedAt,
    sequence.nextAttemptAt ?? null,
  ]
}

/** @param path the file, for messages */
export function toDeadLetter(row: DeadLetterRow, path: string): DeadLetterSequence {
  const subject = () => `SQLite file ${path}: the failure of ${row.aggregate_type} ${JSON.stringify(row.aggregate_id)}`
  return {
    processorName: row.processor,
    aggregateType: row.aggregate_type,
    aggregateId: row.aggregate_id,
    state: row.state,
    fromSequence: row.from_sequence,
    fromPosition: row.from_position,
    toSequence: row.to_sequence,
    toPosition: row.to_position,
    eventCount: row.event_count,
    attempts: row.attempts,
    failure: parseStored(row.failure, subject) as ProcessingFailure,
    firstFailedAt: row.first_failed_at,
    lastFailedAt: row.last_failed_at,
    nextAttemptAt: row.next_attempt_at ?? undefined,
  }
}

/** @param path the file, for messages */
export function toDiscarded(row: DiscardedRow, path: string): DiscardedDeadLetter {
  const { reason, discarded_by, discarded_at } = row
  return {
    ...toDeadLetter(row, path),
    reason,
    discardedBy: discarded_by ?? undefined,
    discardedAt: discarded_at,
  }
}

/** @returns the named parameters of every statement that takes a filter */
export function filterParameters(processor: string, filter: DeadLetterFilter): Record<string, string | null> {
  const { aggregateType = null, aggregateId = null, state = null, eventType = null, failureName = null } = filter
  return { processor, aggregateType, aggregateId, state, eventType, failureName }
}
