/** Sends chains of commands, several at a time, and counts what becomes of them. */

import type { CommandAcknowledgment } from '@cim/core'
import type { CommandChain, RepeatableCommand } from './congress-commands.ts'

/** Sends one command until it is acknowledged. Throws when that is hopeless. */
export type Send = (command: RepeatableCommand, signal: AbortSignal) => Promise<CommandAcknowledgment>

/** How to send. */
export interface SendOptions {
  /** How many chains are under way at a time; 64 when left out. */
  readonly concurrency?: number
  /**
   * The position of the event store's newest event before anything was sent: what is acknowledged with an older one had
   * been accepted before.
   */
  readonly headBefore: number
  /** Is told after every acknowledgment. */
  readonly onAcknowledgment?: (command: RepeatableCommand, acknowledgment: CommandAcknowledgment) => void
}

/** A command that was not accepted, and why. */
export interface Refusal {
  readonly command: RepeatableCommand
  readonly code: string
  readonly message: string
}

/** What became of the commands. */
export interface SendSummary {
  /** Accepted now. */
  readonly accepted: number
  /** Accepted by an earlier import, and not done again. */
  readonly repeated: number
  readonly refusals: readonly Refusal[]
  /** Not sent, because an earlier command to the same aggregate was refused. */
  readonly skipped: number
}

/** The service will not take this command, however often it is sent. */
export class CommandRefusedError extends Error {
  override readonly name = 'CommandRefusedError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * @param chains the commands of a chain are sent one after the other; after a refusal the rest of the chain is skipped
 * @param send sends one command; what it throws ends everything, except a {@link CommandRefusedError}
 * @param options how many at a time, and who is told
 */
export async function sendChains(
  chains: readonly CommandChain[],
  send: Send,
  options: SendOptions,
): Promise<SendSummary> {
  const { concurrency = 64, headBefore, onAcknowledgment } = options
  const abort = new AbortController()
  const refusals: Refusal[] = []
  let accepted = 0
  let repeated = 0
  let skipped = 0

  const sendOne = async (command: RepeatableCommand): Promise<boolean> => {
    const acknowledgment = await send(command, abort.signal)
    onAcknowledgment?.(command, acknowledgment)
    const { status, position, reason } = acknowledgment
    if (status === 'Rejected') {
      refusals.push({ command, code: reason?.code ?? 'rejected', message: reason?.message ?? 'No reason was given.' })
      return false
    }
    if (position > headBefore) accepted++
    else repeated++
    return true
  }

  const sendChain = async (chain: CommandChain): Promise<void> => {
    for (const [index, command] of chain.entries()) {
      try {
        if (await sendOne(command)) continue
      } catch (error) {
        if (!(error instanceof CommandRefusedError)) throw error
        refusals.push({ command, code: error.code, message: error.message })
      }
      skipped += chain.length - index - 1
      return
    }
  }

  const waiting = chains.values()
  const work = async (): Promise<void> => {
    for (const chain of waiting) await sendChain(chain)
  }
  try {
    await Promise.all(Array.from({ length: concurrency }, work))
  } catch (error) {
    abort.abort(error)
    throw error
  }
  return { accepted, repeated, refusals, skipped }
}
