/** Folded aggregates kept in memory, the least recently used given up first. */

import type { LoadedAggregate } from './load-aggregate.ts'

/** A bounded cache. Stale entries are harmless: an append on one conflicts, and a refusal on one is checked again. */
export class AggregateCache<TState> {
  readonly #entries = new Map<string, LoadedAggregate<TState>>()
  readonly #maxAggregates: number
  /**
   * Stays where it is from one entry that is given up to the next. A new iterator would first have to pass everything
   * that was given up since the map was last made compact, which is thousands of entries.
   */
  readonly #fromOldest: MapIterator<string> = this.#entries.keys()

  /** @param maxAggregates how many to keep; 0 keeps none */
  constructor(maxAggregates: number) {
    this.#maxAggregates = maxAggregates
  }

  get size(): number {
    return this.#entries.size
  }

  get(aggregateId: string): LoadedAggregate<TState> | undefined {
    const entry = this.#entries.get(aggregateId)
    // Reordering costs more than the lookup; it only matters once entries have to be given up.
    if (entry !== undefined && this.#entries.size >= this.#maxAggregates) {
      this.#entries.delete(aggregateId)
      this.#entries.set(aggregateId, entry)
    }
    return entry
  }

  set(aggregate: LoadedAggregate<TState>): void {
    if (this.#maxAggregates === 0) return
    const known = this.#entries.get(aggregate.aggregateId)
    if (known !== undefined && known.version > aggregate.version) return
    this.#entries.delete(aggregate.aggregateId)
    this.#entries.set(aggregate.aggregateId, aggregate)
    if (this.#entries.size <= this.#maxAggregates) return
    const oldest = this.#fromOldest.next()
    if (!oldest.done) this.#entries.delete(oldest.value)
  }

  delete(aggregateId: string): void {
    this.#entries.delete(aggregateId)
  }
}
