/** One client's stream of server-sent events. */

/** Where a stream gets what it sends. */
export interface SseSource {
  /** @returns the next messages as they are sent; undefined at the end, and after {@link close} */
  next(): Promise<string | undefined>
  /** What a client hears that has not heard anything for a while: a comment, at least. */
  heartbeat(): string
  /** Nobody listens any more. May be called while `next` is under way. */
  close(): void
}

/** What an {@link SseStream} needs. */
export interface SseStreamOptions {
  readonly source: SseSource
  /** How often an idle client hears something, in milliseconds. */
  readonly heartbeatMs: number
  readonly onError: (error: unknown) => void
  /** Is told once, when the stream has ended for whatever reason. */
  readonly onEnd: () => void
}

/** The headers of every stream. */
export const sseHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
}

/** @returns whether a request asks for a stream */
export function wantsStream({ headers }: Request): boolean {
  return headers.get('accept')?.includes('text/event-stream') === true
}

/**
 * Asks its source for more when the client has taken the last of it.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class SseStream {
  readonly #options: SseStreamOptions
  readonly #encoder = new TextEncoder()
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #heartbeat: ReturnType<typeof setInterval> | undefined
  #isClosed = false

  constructor(options: SseStreamOptions) {
    this.#options = options
  }

  /** @returns the body of the response */
  open(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller
        this.#send('retry: 1000\n\n')
        this.#heartbeat = setInterval(() => this.#beat(), this.#options.heartbeatMs)
      },
      pull: () => this.#sendMore(),
      cancel: () => this.#release(),
    })
  }

  /** Ends the stream; the client may come back. */
  close(): void {
    if (this.#isClosed) return
    this.#release()
    this.#controller?.close()
  }

  async #sendMore(): Promise<void> {
    try {
      const text = await this.#options.source.next()
      if (this.#isClosed) return
      if (text === undefined) this.close()
      else this.#send(text)
    } catch (error) {
      if (this.#isClosed) return
      this.#options.onError(error)
      this.close()
    }
  }

  /** A client that is behind hears nothing until it has caught up; it knows that the connection lives. */
  #beat(): void {
    if ((this.#controller?.desiredSize ?? 0) > 0) this.#send(this.#options.source.heartbeat())
  }

  #send(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text))
  }

  #release(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#heartbeat)
    this.#options.source.close()
    this.#options.onEnd()
  }
}
