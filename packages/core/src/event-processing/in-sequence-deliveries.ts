/** The deliveries of a source, for a loop that looks at the clock too. */

import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { Signal } from '../event-store/signal.ts'
import type { Clock } from './clock.ts'

type Outcome = { readonly delivery: IteratorResult<DomainEventEnvelope> } | { readonly error: unknown }

/** Asks a source for one delivery at a time. What was asked for may be waited for again and again, and takes no memory for it. */
export class Deliveries {
  readonly #iterator: AsyncIterator<DomainEventEnvelope>
  readonly #schedule: Clock['schedule']
  readonly #came = new Signal()
  #isAsked = false
  #outcome: Outcome | undefined

  constructor(source: AsyncIterable<DomainEventEnvelope>, clock: Clock) {
    this.#iterator = source[Symbol.asyncIterator]()
    this.#schedule = (callback, delayMs) => clock.schedule(callback, delayMs)
  }

  /** @returns undefined when none has come within the time allowed @throws what the source threw */
  async next(timeoutMs: number | undefined): Promise<IteratorResult<DomainEventEnvelope> | undefined> {
    const { count } = this.#came
    if (!this.#isAsked) void this.#ask()
    await this.#came.wait(count, timeoutMs === undefined ? undefined : { timeoutMs, schedule: this.#schedule })
    const outcome = this.#outcome
    if (outcome === undefined) return undefined
    this.#outcome = undefined
    this.#isAsked = false
    if ('error' in outcome) throw outcome.error
    return outcome.delivery
  }

  /** Ends the source. One that has been asked for more is told, but not waited for: it may have nothing for a long time. */
  async end(): Promise<void> {
    const ended = this.#iterator.return?.()
    if (this.#isAsked && this.#outcome === undefined) ended?.catch(() => undefined)
    else await ended
  }

  async #ask(): Promise<void> {
    this.#isAsked = true
    try {
      this.#outcome = { delivery: await this.#iterator.next() }
    } catch (error) {
      this.#outcome = { error }
    }
    this.#came.notify()
  }
}
