/** The heads of the aggregates that were used last. */

import type { AggregateHead } from './aggregate-head.ts'

interface Entry {
  readonly key: string
  head: AggregateHead
  weight: number
  /** The one that was used right before this one. */
  older: Entry | undefined
  newer: Entry | undefined
}

/**
 * Gives up those that were not used for the longest time. They are linked in the order of their use: moving an entry to the
 * end of the map, at each append, costs several times as much.
 */
export class AggregateHeads {
  readonly #entries = new Map<string, Entry>()
  readonly #maxWeight: number
  #weight = 0
  #oldest: Entry | undefined
  #newest: Entry | undefined

  /** @param maxWeight how many aggregates and commands to remember, counted together */
  constructor(maxWeight: number) {
    this.#maxWeight = maxWeight
  }

  /** @returns the head, which counts as used now */
  get(key: string): AggregateHead | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#use(entry)
    return entry.head
  }

  clear(): void {
    this.#entries.clear()
    this.#weight = 0
    this.#oldest = undefined
    this.#newest = undefined
  }

  /** Remembers a head, or that one has grown. Of two for one aggregate the newer stays. */
  keep(key: string, head: AggregateHead): void {
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { key, head, weight: 0, older: undefined, newer: undefined }
      this.#entries.set(key, entry)
      this.#append(entry)
    } else {
      if (entry.head !== head && isNewer(entry.head, head)) return
      this.#use(entry)
    }
    entry.head = head
    this.#weight -= entry.weight
    entry.weight = head.weight
    this.#weight += entry.weight
    while (this.#weight > this.#maxWeight && this.#oldest !== undefined) this.#remove(this.#oldest)
  }

  #use(entry: Entry): void {
    if (entry === this.#newest) return
    this.#unlink(entry)
    this.#append(entry)
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key)
    this.#weight -= entry.weight
    this.#unlink(entry)
  }

  #append(entry: Entry): void {
    entry.older = this.#newest
    entry.newer = undefined
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
  }

  #unlink({ older, newer }: Entry): void {
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }
}

function isNewer(one: AggregateHead, other: AggregateHead): boolean {
  return (
    one.version > other.version ||
    (one.version === other.version && (one.hasOutcomes || !other.hasOutcomes) && one.hasCommands)
  )
}
