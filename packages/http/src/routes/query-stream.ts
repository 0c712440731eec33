/** Follows the result of a query as server-sent events. */

import type { Application, LiveResult, Query } from '@cim/core'
import { clientGone } from '../problems/http-errors.ts'
import type { SseSource } from './sse-stream.ts'

/**
 * What one client is sent: each result as an event `result`, with the position that the views had seen as `id`. What does
 * not exist, or no longer, is `null`. A client that is slow is sent the newest result, and none of those between.
 */
export class QueryStream implements SseSource {
  readonly #results: AsyncIterator<LiveResult>
  #first: LiveResult | undefined

  private constructor(results: AsyncIterator<LiveResult>, first: LiveResult) {
    this.#results = results
    this.#first = first
  }

  /**
   * Waits for the first result, so that what is wrong with the query can still be answered as a problem.
   * @param signal ends it @throws what answering the query throws, and the signal's reason
   */
  static async start(application: Application, query: Query, signal: AbortSignal): Promise<QueryStream> {
    const results = application.watch(query, { signal })[Symbol.asyncIterator]()
    const first = await results.next()
    if (first.done === true) {
      signal.throwIfAborted()
      throw clientGone(undefined)
    }
    return new QueryStream(results, first.value)
  }

  async next(): Promise<string | undefined> {
    if (this.#first !== undefined) {
      const first = toMessage(this.#first)
      this.#first = undefined
      return first
    }
    const { done, value } = await this.#results.next()
    return done === true ? undefined : toMessage(value)
  }

  heartbeat(): string {
    return ': heartbeat\n\n'
  }

  close(): void {
    this.#results.return?.().catch(() => undefined)
  }
}

function toMessage({ result, position }: LiveResult): string {
  return `id: ${position}\nevent: result\ndata: ${JSON.stringify(result ?? null)}\n\n`
}
