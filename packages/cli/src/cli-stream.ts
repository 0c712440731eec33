/** Where a command writes. */

/** A terminal, a file or a pipe. */
export interface CliStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** What a command works with. */
export interface CliEnvironment {
  /** Takes the result. */
  readonly output: CliStream
  /** Takes progress and errors. */
  readonly errors: CliStream
  /** Ends what is under way. */
  readonly signal?: AbortSignal
}
