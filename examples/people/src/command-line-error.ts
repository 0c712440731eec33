/** A mistake on a command line. */

import { CimError } from '@cim/core'

/** The command line cannot be understood. The message says what is wrong with which option. */
export class CommandLineError extends CimError {
  override readonly name = 'CommandLineError'
  readonly code = 'command-line'

  /** @param cause what `parseArgs` threw */
  static from(cause: unknown): CommandLineError {
    // The first sentence says what is wrong. Those after it are about positional arguments, which there are none of.
    const [problem] = (cause instanceof Error ? cause.message : String(cause)).split('. ')
    return new CommandLineError(`${problem?.replace(/\.$/, '')}. See --help.`, { cause })
  }
}
