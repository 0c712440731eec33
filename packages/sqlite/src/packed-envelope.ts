/**
 * What a row of the log has besides its numbers and its data, in one text: reading a column of a row costs as much as
 * taking this text apart.
 *
 *     88f1e91b 1 - 01a20a26-76e9-7054-92d3-d9a50120d215 01a20a26-76e9-77fc-ad52-73f3373e7450
 *
 * These are the checksum (see row-checksum.ts), the schema version, the fingerprint of the command, the event's id and its
 * correlation id; then follow, unless they are `= = - -`, the command id, the causation id, the user id and the session id.
 * `-` stands for none and `=` for the one before. A blank within an id is written as `%20`, and `%` as `%25`.
 */

import type { EventMetadata } from '@cim/core'

/** What a packed envelope holds, without its checksum. */
export interface EnvelopeParts {
  readonly schemaVersion: number
  readonly eventId: string
  readonly metadata: EventMetadata
}

/** How many characters the checksum takes at the beginning. */
export const checksumLength = 8

const none = '-'
const same = '='

/**
 * @param commandFingerprint of the command that the event is appended with, null when it is none
 * @returns what stands behind the checksum
 */
export function packEnvelope(
  { schemaVersion, eventId, metadata }: EnvelopeParts,
  commandFingerprint: number | null,
): string {
  const { correlationId, commandId, causationId, userId, sessionId } = metadata
  const packed = ` ${schemaVersion} ${commandFingerprint ?? none} ${packId(eventId)} ${packId(correlationId)}`
  const isCommandSame = commandId === correlationId
  const isCausationSame = causationId === commandId
  if (isCommandSame && isCausationSame && userId === undefined && sessionId === undefined) return packed
  const command = isCommandSame ? same : packId(commandId)
  const causation = isCausationSame ? same : packId(causationId)
  return `${packed} ${command} ${causation} ${packId(userId)} ${packId(sessionId)}`
}

/** @param stored with its checksum @returns anything, but never an error, for what was not packed, text or not */
export function unpackEnvelope(stored: string): EnvelopeParts {
  const text = typeof stored === 'string' ? stored : ''
  const versionEnd = text.indexOf(' ', checksumLength + 1)
  const fingerprintEnd = text.indexOf(' ', versionEnd + 1)
  const eventEnd = text.indexOf(' ', fingerprintEnd + 1)
  const correlationEnd = text.indexOf(' ', eventEnd + 1)
  const isEscaped = text.includes('%')
  const eventId = text.slice(fingerprintEnd + 1, eventEnd)
  return {
    schemaVersion: Number(text.slice(checksumLength + 1, versionEnd)),
    eventId: isEscaped ? unescapeId(eventId) : eventId,
    metadata:
      correlationEnd < 0
        ? metadataOf(text.slice(eventEnd + 1), isEscaped)
        : unpackMetadata(text.slice(eventEnd + 1).split(' '), isEscaped),
  }
}

/** @returns the fingerprint of the command that an event was appended with, null when it was none */
export function unpackFingerprint(text: string): number | null {
  const start = text.indexOf(' ', checksumLength + 1) + 1
  const fingerprint = text.slice(start, text.indexOf(' ', start))
  return fingerprint === none ? null : Number(fingerprint)
}

/** The usual one: made by a command that nothing caused, for nobody in particular. */
function metadataOf(token: string, isEscaped: boolean): EventMetadata {
  if (token === none) return {}
  const id = isEscaped ? unescapeId(token) : token
  return { correlationId: id, causationId: id, commandId: id }
}

function unpackMetadata([correlation, command, causation, user, session]: string[], isEscaped: boolean): EventMetadata {
  const unpackId = (token: string | undefined, before?: string): string | undefined => {
    if (token === same) return before
    if (token === none || token === undefined) return undefined
    return isEscaped ? unescapeId(token) : token
  }
  const correlationId = unpackId(correlation)
  const commandId = unpackId(command, correlationId)
  const causationId = unpackId(causation, commandId)
  const userId = unpackId(user)
  const sessionId = unpackId(session)
  const metadata: { -readonly [Name in keyof EventMetadata]: EventMetadata[Name] } = {}
  if (correlationId !== undefined) metadata.correlationId = correlationId
  if (causationId !== undefined) metadata.causationId = causationId
  if (commandId !== undefined) metadata.commandId = commandId
  if (userId !== undefined) metadata.userId = userId
  if (sessionId !== undefined) metadata.sessionId = sessionId
  return metadata
}

function packId(id: string | undefined): string {
  if (id === undefined) return none
  if (id.length > 1 && !id.includes(' ') && !id.includes('%')) return id
  if (id === none) return '%2D'
  if (id === same) return '%3D'
  return id.replaceAll('%', '%25').replaceAll(' ', '%20')
}

function unescapeId(token: string): string {
  if (!token.includes('%')) return token
  return token.replaceAll('%2D', none).replaceAll('%3D', same).replaceAll('%20', ' ').replaceAll('%25', '%')
}
