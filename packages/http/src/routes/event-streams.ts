/** All live streams of one API. */

import type { Metrics } from '../metrics/metrics.ts'
import { HttpRequestError } from '../problems/http-errors.ts'
import { EventStream, type EventStreamOptions } from './event-stream.ts'

/** What {@link EventStreams} needs. */
export interface EventStreamsOptions {
  readonly metrics: Metrics
  readonly heartbeatMs: number
  /** The most that may be open at a time. */
  readonly maxStreams: number
  readonly onError: (error: unknown) => void
  /** Ends them all. */
  readonly stopping: AbortSignal | undefined
}

/** Opens streams, and closes them when the service stops. */
export class EventStreams {
  readonly #options: EventStreamsOptions
  readonly #open = new Set<EventStream>()

  constructor(options: EventStreamsOptions) {
    this.#options = options
    options.stopping?.addEventListener('abort', () => {
      for (const stream of this.#open) stream.close()
    })
  }

  /** @throws {HttpRequestError} `too-many-streams` @throws {ValidationError} when a subject pattern is not well-formed */
  open(
    what: Pick<EventStreamOptions, 'eventStore' | 'subjectPatterns' | 'afterPosition' | 'isWanted'>,
  ): ReadableStream<Uint8Array> {
    const { metrics, heartbeatMs, maxStreams, onError } = this.#options
    if (this.#open.size >= maxStreams) {
      throw new HttpRequestError('too-many-streams', `All ${maxStreams} live streams are taken. Try again later.`)
    }
    const stream: EventStream = new EventStream({
      ...what,
      heartbeatMs,
      onError,
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
