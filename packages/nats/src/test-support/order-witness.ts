/** Sees every call of a handler, in whatever process, and says what was out of order. */

import type { ConsumedEventHandler } from '../consume/consumer-options.ts'

/**
 * At least once and in order means: an event is begun only once the one before it was handled, and never while another of
 * its aggregate is. It may come again.
 */
export class OrderWitness {
  readonly faults: string[] = []
  readonly #handled = new Map<string, number>()
  readonly #running = new Map<string, string>()

  /** @returns how far an aggregate was handled */
  handled(aggregateId: string): number {
    return this.#handled.get(aggregateId) ?? 0
  }

  /** Notes the beginning of a call. */
  begin(aggregateId: string, sequence: number): void {
    const handled = this.handled(aggregateId)
    const other = this.#running.get(aggregateId)
    if (sequence > handled + 1) this.faults.push(`${aggregateId}-${sequence} began when ${handled} were handled`)
    if (other !== undefined) this.faults.push(`${aggregateId}-${sequence} began during ${other}`)
    this.#running.set(aggregateId, `${aggregateId}-${sequence}`)
  }

  /** Notes the end of a call. */
  end(aggregateId: string, sequence: number, isHandled: boolean): void {
    this.#running.delete(aggregateId)
    if (isHandled) this.#handled.set(aggregateId, Math.max(this.handled(aggregateId), sequence))
  }

  /** @returns a handler whose calls are seen */
  watch(work: () => Promise<void>): ConsumedEventHandler {
    return async ({ aggregateId, sequence }) => {
      this.begin(aggregateId, sequence)
      let isHandled = false
      try {
        await work()
        isHandled = true
      } finally {
        this.end(aggregateId, sequence, isHandled)
      }
    }
  }
}
