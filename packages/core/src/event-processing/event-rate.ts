/** Events each second, over the recent past. */

const halfLifeMs = 5000

/** An average in which the past counts less and less. */
export class EventRate {
  #perMs = 0
  #at: number

  /** @param now milliseconds since 1970 */
  constructor(now: number) {
    this.#at = now
  }

  add(events: number, now: number): void {
    this.#fade(now)
    this.#perMs += (events * Math.LN2) / halfLifeMs
  }

  perSecond(now: number): number {
    this.#fade(now)
    return this.#perMs * 1000
  }

  #fade(now: number): void {
    const elapsedMs = Math.max(0, now - this.#at)
    this.#perMs *= 0.5 ** (elapsedMs / halfLifeMs)
    this.#at = Math.max(this.#at, now)
  }
}
