/** What became of a command without events, as a message. */

import { type CommandRecord, type RejectionReason, StoreCorruptError } from '@cim/core'
import { type StoredMessage, textOf } from './event-message.ts'

interface OutcomeBody {
  readonly command_id: string
  readonly command_fingerprint: number
  readonly status: CommandRecord['status']
  readonly version: number
  readonly position: number
  readonly timestamp: string
  readonly reason?: RejectionReason
}

/** @returns the body of an outcome's message */
export function encodeOutcome({ commandId, fingerprint, reason, ...record }: CommandRecord): string {
  const { status, version, position, timestamp } = record
  const why = reason === undefined ? undefined : { reason: { code: reason.code, message: reason.message } }
  const body: OutcomeBody = {
    command_id: commandId,
    command_fingerprint: fingerprint,
    status,
    version,
    position,
    timestamp,
    ...why,
  }
  return JSON.stringify(body)
}

/** @throws {StoreCorruptError} when it is no outcome */
export function decodeOutcome(message: StoredMessage): CommandRecord {
  try {
    const body = JSON.parse(textOf(message.data)) as OutcomeBody
    const { command_id: commandId, command_fingerprint: fingerprint, status, version, position, timestamp } = body
    if (typeof commandId !== 'string') throw new TypeError('it has no command_id')
    const why = body.reason === undefined ? undefined : { reason: Object.freeze(body.reason) }
    return Object.freeze({ commandId, fingerprint, status, version, position, timestamp, ...why })
  } catch (cause) {
    throw new StoreCorruptError(
      `The message at ${message.sequence} with the subject ${message.subject} is no outcome of a command. ` +
        'Let nothing but this store write to the subjects of its stream.',
      { cause },
    )
  }
}
