/** A command that is kept, to be handled later. */

import { ValidationError } from '../errors/input-errors.ts'
import { encodeJson } from '../event-store/json.ts'
import type { Command } from './command.ts'
import { fingerprintOf, type ParsedCommand } from './parsed-command.ts'

/** A command that was validated and authorized, as plain JSON with every id filled in. */
export interface PreparedCommand {
  readonly aggregateType: string
  /** Its data is what the sender wrote: it is parsed once more when it is handled. */
  readonly command: Command & Required<Pick<Command, 'aggregateId' | 'commandId' | 'correlationId'>>
  /** Of the command as its sender wrote it. */
  readonly fingerprint: number
}

/**
 * @param written the command as its sender wrote it
 * @param parsed the same with its ids
 * @throws {ValidationError} when its data is not plain JSON, and so cannot be kept
 */
export function prepareCommand(aggregateType: string, written: Command, parsed: ParsedCommand): PreparedCommand {
  const { commandType, expectedVersion, userId, sessionId } = written
  const { aggregateId, commandId } = parsed.command
  return {
    aggregateType,
    command: {
      commandType,
      data: copyOf(written),
      aggregateId,
      commandId,
      correlationId: written.correlationId ?? commandId,
      ...(expectedVersion === undefined ? undefined : { expectedVersion }),
      ...(userId === undefined ? undefined : { userId }),
      ...(sessionId === undefined ? undefined : { sessionId }),
    },
    fingerprint: fingerprintOf(written),
  }
}

/** The caller may change its data while the command waits. */
function copyOf({ commandType, data }: Command): unknown {
  try {
    return encodeJson(data).value
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    const message = `cannot be kept for later: ${problem}. Send plain JSON, or wait for its acknowledgment`
    throw new ValidationError(`command ${commandType}`, [{ pointer: '', message }], { cause })
  }
}
