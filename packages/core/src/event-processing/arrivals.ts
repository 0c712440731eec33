/** The batches of a subscription, for a loop that has other things to look at too. */

import { StoreUnavailableError } from '../errors/store-errors.ts'
import type { EventBatch } from '../event-store/event-store.ts'
import type { Signal } from '../event-store/signal.ts'

/** Asks for batches one at a time, and wakes the runner when one has come. */
export class Arrivals {
  readonly #iterator: AsyncIterator<EventBatch>
  readonly #wake: Signal
  #isAsked = false
  #outcome: { readonly batch: EventBatch } | { readonly error: unknown } | undefined

  constructor(iterator: AsyncIterator<EventBatch>, wake: Signal) {
    this.#iterator = iterator
    this.#wake = wake
  }

  /** @returns the batch that has come, undefined when none has; it is then asked for @throws what the subscription threw */
  take(): EventBatch | undefined {
    const outcome = this.#outcome
    this.#outcome = undefined
    if (outcome === undefined) {
      if (!this.#isAsked) void this.#ask()
      return undefined
    }
    if ('error' in outcome) throw outcome.error
    return outcome.batch
  }

  async #ask(): Promise<void> {
    this.#isAsked = true
    try {
      const { done, value } = await this.#iterator.next()
      this.#outcome = done === true ? { error: subscriptionEnded() } : { batch: value }
    } catch (error) {
      this.#outcome = { error }
    }
    this.#isAsked = false
    this.#wake.notify()
  }
}

function subscriptionEnded(): StoreUnavailableError {
  return new StoreUnavailableError('The event store ended a subscription that was to go on. It is asked again.')
}
