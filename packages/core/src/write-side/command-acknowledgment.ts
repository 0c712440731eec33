/** What the sender of a command gets back: an acknowledgment, not data. */

import type { CommandRecord, RejectionReason } from '../event-store/event-store.ts'

/** Accepted: done and durable. Rejected: a business rule refused. Pending: durable, and will be executed later. */
export type CommandStatus = 'Accepted' | 'Rejected' | 'Pending'

/** @see the mission's heading "Command Acknowledgment" */
export interface CommandAcknowledgment {
  readonly status: CommandStatus
  readonly aggregateId: string
  /** The aggregate's version after the command; the one it was decided on when nothing changed. 0 while Pending. */
  readonly version: number
  /**
   * The position of the aggregate's newest event at that version, 0 when it has none or while Pending. Give it to a query as
   * `afterPosition` to read your own write.
   */
  readonly position: number
  /** When it was decided, ISO-8601 in UTC; while Pending, when it was queued. */
  readonly timestamp: string
  readonly commandId: string
  /** Present when rejected. */
  readonly reason?: RejectionReason
}

/**
 * @param aggregateId the aggregate that the command addressed
 * @param record what the store remembers of the command
 */
export function toAcknowledgment(aggregateId: string, record: CommandRecord): CommandAcknowledgment {
  return {
    status: record.status,
    aggregateId,
    version: record.version,
    position: record.position,
    timestamp: record.timestamp,
    commandId: record.commandId,
    ...(record.reason === undefined ? undefined : { reason: record.reason }),
  }
}
