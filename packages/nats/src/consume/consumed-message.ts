/** A message as an event, or why it is none. */

import type { DomainEventEnvelope } from '@cim/core'
import type { ReceivedMessage } from '../wire/wire-message.ts'

/** What a message says, and with what it is kept in order. */
export interface ConsumedMessage {
  readonly position: number
  readonly subject: string
  /** Events of one lane are handled in order: those of one aggregate. A message that tells of none is alone in its lane. */
  readonly lane: string
  readonly event: DomainEventEnvelope | undefined
  /** Why it cannot be read. */
  readonly error: unknown
}

/** A message as the stream has it. */
export interface RawMessage {
  readonly position: number
  readonly subject: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** @returns the event with the position that the stream gives it, or the error; never throws */
export function readMessage(
  { position, subject, headers, body }: RawMessage,
  decode: (message: ReceivedMessage) => DomainEventEnvelope,
): ConsumedMessage {
  const bySubject = laneOf(subject)
  try {
    const event = { ...decode({ subject, headers, body }), position }
    const lane = bySubject ?? `${token(event.aggregateType)}.${token(event.aggregateId)}`
    return { position, subject, lane, event, error: undefined }
  } catch (error) {
    return { position, subject, lane: bySubject ?? `unknown.${position}`, event: undefined, error }
  }
}

/** `events.<Type>.<EventType>.<id>.<sequence>`, whatever stands before it. */
function laneOf(subject: string): string | undefined {
  const tokens = subject.split('.')
  const [root, type, , id, sequence] = tokens.slice(-5)
  return root === 'events' && tokens.length >= 5 && Number(sequence) > 0 ? `${type}.${id}` : undefined
}

const leftByUri = /[.*!'()~]/g

function token(text: string): string {
  return encodeURIComponent(text).replace(leftByUri, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}
