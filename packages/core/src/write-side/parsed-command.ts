/** A command as it is handled: checked, parsed, and with everything filled in that its sender left out. */

import { ValidationError, type ValidationIssue } from '../errors/input-errors.ts'
import { type EntityId, problemWithId } from '../event-store/aggregate-ref.ts'
import type { EventMetadata } from '../event-store/event-metadata.ts'
import type { CommandIdentity } from '../event-store/event-store.ts'
import { canonicalJson, hashText } from '../event-store/fingerprint.ts'
import { deriveUuid } from '../event-store/uuid.ts'
import type { Command, DecidableCommand } from './command.ts'
import type { CommandTrace } from './command-trace.ts'

/** A command with everything filled in. */
export interface ParsedCommand {
  readonly command: DecidableCommand
  readonly expectedVersion: number | undefined
  readonly metadata: EventMetadata
  /** Present when the command id was there before the command was handled, so that a repeat is possible. */
  readonly identity: CommandIdentity | undefined
  /** Present while somebody records spans. */
  readonly trace: CommandTrace | undefined
}

const idFields = ['aggregateId', 'commandId', 'correlationId', 'userId', 'sessionId'] as const
const knownFields: readonly string[] = ['commandType', 'data', 'expectedVersion', ...idFields]

/** @throws {ValidationError} when a field is unknown, or is no id or version. The data is not looked at. */
export function checkCommandFields(command: Command): void {
  const issues: ValidationIssue[] = []
  for (const name of Object.keys(command)) {
    if (!knownFields.includes(name))
      issues.push({ pointer: `/${name}`, message: `is unknown. Known: ${knownFields.join(', ')}` })
  }
  for (const name of idFields) {
    const problem = command[name] === undefined ? undefined : problemWithId(command[name])
    if (problem !== undefined) issues.push({ pointer: `/${name}`, message: problem })
  }
  const { expectedVersion } = command
  if (expectedVersion !== undefined && (!Number.isSafeInteger(expectedVersion) || expectedVersion < 0)) {
    issues.push({
      pointer: '/expectedVersion',
      message: `must be a whole number from 0, got ${String(expectedVersion)}`,
    })
  }
  if (issues.length > 0) throw new ValidationError(`command ${command.commandType}`, issues)
}

/**
 * @param command as its sender wrote it, checked
 * @param rest the aggregate's type, the data as its schema gives it, what makes ids, the trace if there is one, and the
 *   fingerprint of a command that was prepared earlier
 */
export function completeCommand(
  command: Command,
  rest: {
    readonly aggregateType: string
    readonly data: unknown
    readonly newId: () => string
    readonly trace: CommandTrace | undefined
    readonly fingerprint?: number
  },
): ParsedCommand {
  const { aggregateType, data, newId, trace, fingerprint } = rest
  const commandId = command.commandId ?? newId()
  const aggregateId = command.aggregateId ?? (deriveUuid(aggregateType, commandId) as EntityId)
  const { userId, sessionId, expectedVersion } = command
  return {
    command: {
      commandType: command.commandType,
      data,
      aggregateId,
      commandId,
      ...(userId === undefined ? undefined : { userId }),
    },
    expectedVersion,
    metadata: {
      correlationId: command.correlationId ?? commandId,
      causationId: commandId,
      commandId,
      ...(userId === undefined ? undefined : { userId }),
      ...(sessionId === undefined ? undefined : { sessionId }),
    },
    identity:
      command.commandId === undefined ? undefined : { commandId, fingerprint: fingerprint ?? fingerprintOf(command) },
    trace,
  }
}

/** What makes two commands the same: type, aggregate if named, expected version and data. Not who sent them or why. */
export function fingerprintOf(command: Command): number {
  const { commandType, aggregateId, expectedVersion, data } = command
  return hashText(canonicalJson([commandType, aggregateId ?? null, expectedVersion ?? null, data]))
}
