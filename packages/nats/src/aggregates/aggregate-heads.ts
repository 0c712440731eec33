/** The heads of the aggregates that were used last. */

import type { AggregateHead } from './aggregate-head.ts'

interface Entry {
  readonly head: AggregateHead
  weight: number
}

/** Gives up those that were not used for the longest time. */
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
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.head
  }

  clear(): void {
    this.#entries.clear()
    this.#weight = 0
  }

  /** Remembers a head, or that one has grown. Of two for one aggregate the newer stays. */
  keep(key: string, head: AggregateHead): void {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      if (known.head !== head && isNewer(known.head, head)) return
      this.#weight -= known.weight
      this.#entries.delete(key)
    }
    const { weight } = head
    this.#entries.set(key, { head, weight })
    this.#weight += weight
    for (const [oldest, entry] of this.#entries) {
      if (this.#weight <= this.#maxWeight) break
      this.#entries.delete(oldest)
      this.#weight -= entry.weight
    }
  }
}

function isNewer(one: AggregateHead, other: AggregateHead): boolean {
  return (
    one.version > other.version ||
    (one.version === other.version && (one.hasOutcomes || !other.hasOutcomes) && one.hasCommands)
  )
}
