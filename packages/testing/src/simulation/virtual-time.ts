/** Time that passes only when nothing else is left to do, and chance that comes from a seed. */

import type { Clock } from '@cim/core'

interface Timer {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/** A clock that jumps from timer to timer. */
export class VirtualTime implements Clock {
  #now = Date.UTC(2026, 0, 1)
  #order = 0
  /** The next one last. */
  readonly #timers: Timer[] = []

  readonly now = (): number => this.#now

  readonly schedule = (callback: () => void, delayMs: number): (() => void) => {
    const timer = { at: this.#now + Math.max(0, Math.ceil(delayMs)), order: ++this.#order, callback }
    let index = this.#timers.length
    while (index > 0 && isBefore(this.#timers[index - 1], timer)) index--
    this.#timers.splice(index, 0, timer)
    return () => {
      const found = this.#timers.indexOf(timer)
      if (found >= 0) this.#timers.splice(found, 1)
    }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.schedule(resolve, delayMs))
  }

  /** @returns what the work gives, after as much virtual time as it takes @throws when it waits for something that never comes */
  async run<TResult>(work: Promise<TResult>): Promise<TResult> {
    let isDone = false
    const done = (): void => {
      isDone = true
    }
    work.then(done, done)
    for (;;) {
      // Everything that is ready runs before time goes on.
      await new Promise(setImmediate)
      if (isDone) return await work
      const timer = this.#timers.pop()
      if (timer === undefined) throw new Error('The simulation waits for something that never comes.')
      this.#now = timer.at
      timer.callback()
    }
  }
}

function isBefore(one: Timer | undefined, other: Timer): boolean {
  return one !== undefined && (one.at < other.at || (one.at === other.at && one.order < other.order))
}

/** Chance that is the same again for the same seed. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** @returns a number from 0 up to but not including 1 @see mulberry32 */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296
  }

  /** @returns a whole number, both bounds included */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  is(probability: number): boolean {
    return this.next() < probability
  }

  oneOf<TItem>(items: readonly [TItem, ...TItem[]]): TItem {
    return items[Math.floor(this.next() * items.length)] ?? items[0]
  }
}
