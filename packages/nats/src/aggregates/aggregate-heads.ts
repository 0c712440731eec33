/** The heads of the aggregates that were used last. */

import type { AggregateHead } from './aggregate-head.ts'

interface Entry {
  head: AggregateHead
  weight: number
  /** Since it went to the end. */
  isUsed: boolean
}

/**
 * Gives up those that were not used for long. One that was used is marked, and goes to the end when its turn to be given up
 * comes: to move it at each use would cost more than all else about it.
 */
export class AggregateHeads {
  readonly #entries = new Map<string, Entry>()
  readonly #maxWeight: number
  #weight = 0

  /** @param maxWeight how many aggregates and commands to remember, counted together */
  constructor(maxWeight: number) {
    this.#maxWeight = maxWeight
  }

  /** @returns the head, which counts as used now */
  get(key: string): AggregateHead | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    entry.isUsed = true
    return entry.head
  }

  clear(): void {
    this.#entries.clear()
    this.#weight = 0
  }

  /** Remembers a head, or that one has grown. Of two for one aggregate the newer stays. */
  keep(key: string, head: AggregateHead): void {
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { head, weight: 0, isUsed: false }
      this.#entries.set(key, entry)
    } else {
      if (entry.head !== head && isNewer(entry.head, head)) return
      entry.isUsed = true
    }
    entry.head = head
    this.#weight -= entry.weight
    entry.weight = head.weight
    this.#weight += entry.weight
    if (this.#weight > this.#maxWeight) this.#makeRoom(entry)
  }

  /** Gives up the one that was kept just now last. */
  #makeRoom(kept: Entry): void {
    for (const [key, entry] of this.#entries) {
      if (this.#weight <= this.#maxWeight) return
      this.#entries.delete(key)
      if ((entry.isUsed || entry === kept) && this.#entries.size > 0) {
        entry.isUsed = false
        // The loop comes to it again behind all others.
        this.#entries.set(key, entry)
      } else this.#weight -= entry.weight
    }
  }
}

function isNewer(one: AggregateHead, other: AggregateHead): boolean {
  return (
    one.version > other.version ||
    (one.version === other.version && (one.hasOutcomes || !other.hasOutcomes) && one.hasCommands)
  )
}
