/** How long and how often something is tried that a server does not answer. */

import { setTimeout as sleep } from 'node:timers/promises'
import { StoreClosedError, StoreUnavailableError } from '@cim/core'
import { type Inbox, NoAnswer } from './inbox.ts'

const firstPauseMs = 2
const longestPauseMs = 250

/** Grows from one try to the next, up to a time after which it is over. */
export class Patience {
  readonly #inbox: Inbox
  readonly #end: number
  readonly #giveUpAfterMs: number
  readonly #signal: AbortSignal | undefined
  #pauseMs = firstPauseMs

  constructor(inbox: Inbox, giveUpAfterMs: number, signal?: AbortSignal) {
    this.#inbox = inbox
    this.#giveUpAfterMs = giveUpAfterMs
    this.#end = performance.now() + giveUpAfterMs
    this.#signal = signal
  }

  /**
   * Waits before the next try: for the connection when there is none, else a moment.
   * @param doing what is tried, for the message
   * @param cause why it must be tried again
   * @throws {StoreUnavailableError} when the time is over, or the signal has aborted
   * @throws {StoreClosedError} when nothing is sent any more
   */
  async wait(doing: string, cause: unknown): Promise<void> {
    if (this.#inbox.isClosed) throw new StoreClosedError('The event store is closed. Open a new one.')
    const left = this.#end - performance.now()
    if (left <= 0 || this.#signal?.aborted === true) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new StoreUnavailableError(
        `JetStream: ${doing} did not succeed within ${this.#giveUpAfterMs} ms (${why}). Check that the servers run, that most of ` +
          'the replicas of the stream can be reached, and that this user may use it; then repeat.',
        { cause },
      )
    }
    await this.#inbox.whenConnected(left, this.#signal)
    await sleep(Math.min(this.#pauseMs, left), undefined, { ...(this.#signal && { signal: this.#signal }) }).catch(
      () => undefined,
    )
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
  }

  /** Tries something that changes nothing until it is answered. */
  async during<TResult>(doing: string, action: () => Promise<TResult>): Promise<TResult> {
    for (;;) {
      try {
        return await action()
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        await this.wait(doing, error)
      }
    }
  }
}
