/** Follows the event store as server-sent events. */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DomainEventEnvelope, EventBatch, EventStore } from '@cim/core'
import type { SseSource } from './sse-stream.ts'

/** What an {@link EventStream} shows. */
export interface EventStreamOptions {
  readonly eventStore: EventStore
  readonly subjectPatterns: readonly string[]
  readonly afterPosition: number
  /** Further conditions that subject patterns cannot express. */
  readonly isWanted: (event: DomainEventEnvelope) => boolean
}

/** The most events that are in memory for one client. */
const batchSize = 100

/** A client that reconnects looks through at most so many events again that it did not ask for. */
const progressEvery = 1000

/**
 * What one client is sent. The next batch is only read when the client has taken the last one.
 *
 * Each event carries its position as `id`, which the client sends back as `Last-Event-ID`. Where no event matches, an
 * `id` alone is sent: that is progress for the client, but not a message.
 */
export class EventStream implements SseSource {
  readonly #isWanted: (event: DomainEventEnvelope) => boolean
  readonly #batches: AsyncIterator<EventBatch>
  readonly #abort = new AbortController()
  /** The position that the client would come back with. */
  #told: number
  /** Everything up to here has been looked at. */
  #reached: number

  /** @throws {ValidationError} when a subject pattern is not well-formed */
  constructor({ eventStore, subjectPatterns, afterPosition, isWanted }: EventStreamOptions) {
    this.#isWanted = isWanted
    this.#told = afterPosition
    this.#reached = afterPosition
    const batches = eventStore.subscribe(subjectPatterns, { afterPosition, batchSize, signal: this.#abort.signal })
    this.#batches = batches[Symbol.asyncIterator]()
  }

  async next(): Promise<string | undefined> {
    while (!this.#abort.signal.aborted) {
      const { done, value: batch } = await this.#batches.next()
      if (done === true || this.#abort.signal.aborted) return undefined
      const text = this.#show(batch)
      if (text !== '') return text
      // Nothing to show in a long stretch of the past: others want to run too.
      await nextTurn()
    }
    return undefined
  }

  heartbeat(): string {
    return `: heartbeat\n${this.#reached > this.#told ? this.#progress() : '\n'}`
  }

  close(): void {
    this.#abort.abort()
    // Nobody waits for the subscription to notice, and nobody is left to be told that it could not end in order.
    this.#batches.return?.().catch(() => undefined)
  }

  #show({ events, position }: EventBatch): string {
    this.#reached = position
    const messages = events.filter(this.#isWanted).map(toMessage)
    const last = events.findLast(this.#isWanted)
    if (last !== undefined) this.#told = last.position
    if (position - this.#told >= progressEvery) messages.push(this.#progress())
    return messages.join('')
  }

  #progress(): string {
    this.#told = this.#reached
    return `id: ${this.#reached}\n\n`
  }
}

function toMessage(event: DomainEventEnvelope): string {
  return `id: ${event.position}\nevent: ${event.eventType}\ndata: ${JSON.stringify(event)}\n\n`
}
