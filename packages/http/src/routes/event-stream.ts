/** Follows the event store as server-sent events. */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DomainEventEnvelope, EventBatch, EventStore } from '@cim/core'

/** What an {@link EventStream} shows, and how. */
export interface EventStreamOptions {
  readonly eventStore: EventStore
  readonly subjectPatterns: readonly string[]
  readonly afterPosition: number
  /** Further conditions that subject patterns cannot express. */
  readonly isWanted: (event: DomainEventEnvelope) => boolean
  /** How often an idle client hears something, in milliseconds. */
  readonly heartbeatMs: number
  readonly onError: (error: unknown) => void
  /** Is told once, when the stream has ended for whatever reason. */
  readonly onEnd: () => void
}

/** The most events that are in memory for one client. */
const batchSize = 100

/** A client that reconnects looks through at most so many events again that it did not ask for. */
const progressEvery = 1000

/**
 * One client's stream. The next batch is only read when the client has taken the last one.
 *
 * Each event carries its position as `id`, which the client sends back as `Last-Event-ID`. Where no event matches, an
 * `id` alone is sent: that is progress for the client, but not a message.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventStream {
  readonly #options: EventStreamOptions
  readonly #batches: AsyncIterator<EventBatch>
  readonly #abort = new AbortController()
  readonly #encoder = new TextEncoder()
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #heartbeat: ReturnType<typeof setInterval> | undefined
  /** The position that the client would come back with. */
  #told: number
  /** Everything up to here has been looked at. */
  #reached: number

  /** @throws {ValidationError} when a subject pattern is not well-formed */
  constructor(options: EventStreamOptions) {
    this.#options = options
    this.#told = options.afterPosition
    this.#reached = options.afterPosition
    const { eventStore, subjectPatterns, afterPosition } = options
    const batches = eventStore.subscribe(subjectPatterns, { afterPosition, batchSize, signal: this.#abort.signal })
    this.#batches = batches[Symbol.asyncIterator]()
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
    if (this.#abort.signal.aborted) return
    this.#release()
    this.#controller?.close()
  }

  async #sendMore(): Promise<void> {
    try {
      while (!this.#abort.signal.aborted) {
        const { done, value: batch } = await this.#batches.next()
        if (this.#abort.signal.aborted) return
        if (done === true) return this.close()
        if (this.#show(batch)) return
        // Nothing to show in a long stretch of the past: others want to run too.
        await nextTurn()
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return
      this.#options.onError(error)
      this.close()
    }
  }

  /** @returns whether anything was sent */
  #show({ events, position }: EventBatch): boolean {
    this.#reached = position
    const messages = events.filter(this.#options.isWanted).map(toMessage)
    const last = events.findLast(this.#options.isWanted)
    if (last !== undefined) this.#told = last.position
    if (position - this.#told >= progressEvery) messages.push(this.#progress())
    if (messages.length === 0) return false
    this.#send(messages.join(''))
    return true
  }

  /** A client that is behind hears nothing until it has caught up; it knows that the connection lives. */
  #beat(): void {
    if ((this.#controller?.desiredSize ?? 0) <= 0) return
    this.#send(`: heartbeat\n${this.#reached > this.#told ? this.#progress() : '\n'}`)
  }

  #progress(): string {
    this.#told = this.#reached
    return `id: ${this.#reached}\n\n`
  }

  #send(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text))
  }

  #release(): void {
    if (this.#abort.signal.aborted) return
    clearInterval(this.#heartbeat)
    this.#abort.abort()
    // Nobody waits for the subscription to notice, and nobody is left to be told that it could not end in order.
    this.#batches.return?.().catch(() => undefined)
    this.#options.onEnd()
  }
}

function toMessage(event: DomainEventEnvelope): string {
  return `id: ${event.position}\nevent: ${event.eventType}\ndata: ${JSON.stringify(event)}\n\n`
}
