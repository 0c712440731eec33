/** All live streams of one API. */

import type { Metrics } from '../metrics/metrics.ts'
import { HttpRequestError } from '../problems/http-errors.ts'
import { type SseSource, SseStream } from './sse-stream.ts'

/** What {@link SseStreams} need. */
export interface SseStreamsOptions {
  readonly metrics: Metrics
  readonly heartbeatMs: number
  /** The most that may be open at a time. */
  readonly maxStreams: number
  /** @param route whose stream has failed */
  readonly onError: (error: unknown, route: string) => void
  /** Ends them all. */
  readonly stopping: AbortSignal | undefined
}

/** Opens streams, and closes them when the service stops. */
export class SseStreams {
  readonly #options: SseStreamsOptions
  readonly #open = new Set<SseStream>()

  constructor(options: SseStreamsOptions) {
    this.#options = options
    options.stopping?.addEventListener('abort', () => {
      for (const stream of this.#open) stream.close()
    })
  }

  /** @throws {HttpRequestError} `too-many-streams` */
  assertRoom(): void {
    const { maxStreams } = this.#options
    if (this.#open.size < maxStreams) return
    throw new HttpRequestError('too-many-streams', `All ${maxStreams} live streams are taken. Try again later.`)
  }

  /**
   * @param route for errors
   * @param source is closed with the stream; the caller closes it when this throws
   * @throws {HttpRequestError} `too-many-streams`
   */
  open(route: string, source: SseSource): ReadableStream<Uint8Array> {
    this.assertRoom()
    const { metrics, heartbeatMs, onError } = this.#options
    const stream: SseStream = new SseStream({
      source,
      heartbeatMs,
      onError: (error) => onError(error, route),
      onEnd: () => {
        this.#open.delete(stream)
        metrics.openStreams = this.#open.size
      },
    })
    this.#open.add(stream)
    metrics.openStreams = this.#open.size
    return stream.open()
  }
}
