/** A map that gives up what came first when it is full. */

/** For what can be read again. */
export class BoundedMap<TKey, TValue> {
  readonly #entries = new Map<TKey, TValue>()
  readonly #maxEntries: number
  /** Stays where it is: a new iterator would first pass all that was given up since the map was last made compact. */
  #fromOldest: MapIterator<TKey> = this.#entries.keys()

  /** @param maxEntries how many to keep, at least 1 */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  get(key: TKey): TValue | undefined {
    return this.#entries.get(key)
  }

  set(key: TKey, value: TValue): void {
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#maxEntries) return
    const oldest = this.#fromOldest.next()
    if (!oldest.done) this.#entries.delete(oldest.value)
  }

  delete(key: TKey): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#fromOldest = this.#entries.keys()
  }
}
