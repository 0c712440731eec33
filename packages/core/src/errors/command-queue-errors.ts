/** Errors about commands that wait. */

import { CimError } from './cim-error.ts'

/** So many commands wait that no more are taken. Nothing was stored. */
export class CommandQueueFullError extends CimError {
  override readonly name = 'CommandQueueFullError'
  readonly code = 'command-queue-full'
  /** How many wait. */
  readonly depth: number
  readonly limit: number
  /** When there should be room again, by the rate at which commands were executed lately. */
  readonly retryAfterMs: number

  constructor(depth: number, limit: number, retryAfterMs: number) {
    super(
      `${depth} commands wait, ${limit} may. Nothing was stored: send the command again in about ${retryAfterMs} ms, under the ` +
        "same id. If it stays so, see whether the processor CommandQueue runs, or raise 'mostPending'.",
    )
    this.depth = depth
    this.limit = limit
    this.retryAfterMs = retryAfterMs
  }
}

/** No command was queued under that id. */
export class UnknownCommandIdError extends CimError {
  override readonly name = 'UnknownCommandIdError'
  readonly code = 'unknown-command-id'
  readonly commandId: string

  constructor(commandId: string) {
    super(
      `No command was queued under the id ${JSON.stringify(commandId)}. Only commands that were answered Pending can be asked ` +
        'for by their id; any other is sent again under its id, and gets its first acknowledgment.',
    )
    this.commandId = commandId
  }
}
