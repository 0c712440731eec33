/** A mistake on a command line. */

import { CimError } from '@cim/core'

/** The command line cannot be followed. The message says what is wrong with which part of it. */
export class UsageError extends CimError {
  override readonly name = 'UsageError'
  readonly code = 'usage'
}
