/** What is wrong with a stream. */

import { CimError } from '@cim/core'
import { describeDifferences, type StreamDifference } from './stream-difference.ts'

/** A stream is set up so that its content can be lost, or cannot be stored at all. Nothing was changed. */
export class UnsafeStreamError extends CimError {
  override readonly name = 'UnsafeStreamError'
  readonly code = 'unsafe-stream'
  readonly stream: string
  readonly differences: readonly StreamDifference[]

  /** @param content what the stream is for */
  constructor(stream: string, differences: readonly StreamDifference[], content = 'events') {
    const names = differences.filter(({ isImpossible }) => !isImpossible).map(({ setting }) => `'${setting}'`)
    const fix = `Change it with \`nats stream edit ${stream}\`, or begin a new stream`
    const allow = names.length === 0 ? '' : `; to accept what may happen, name it: allowUnsafe: [${names.join(', ')}]`
    super(`Stream ${stream} is not safe for ${content}: ${describeDifferences(differences)}. ${fix}${allow}.`)
    this.stream = stream
    this.differences = differences
  }
}
