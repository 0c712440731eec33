/** All live streams of one API. */

import type { Metrics } from '../metrics/metrics.ts'
import { HttpRequestError, stoppingError } from '../problems/http-errors.ts'
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

  /** @throws {HttpRequestError} `too-many-streams` or `stopping` */
  assertRoom(): void {
    const { maxStreams, stopping } = this.#options
    // A request may have begun before: nobody would close its stream any more.
    if (stopping?.aborted === true) throw stoppingError()
    if (this.#open.size < maxStreams) return
    throw new HttpRequestError('too-many-streams', `All ${maxStreams} live streams are taken. Try again later.`)
  }

  /**
   * @param route for errors
   * @param source is closed with the stream; the caller closes it when this throws
   * @throws {HttpRequestError} `too-many-streams` or `stopping`
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
