/** A map that gives up what came first when it is full. */

/** For what can be read again. */
export class BoundedMap<TKey, TValue> {
  readonly #entries = new Map<TKey, TValue>()
  readonly #maxEntries: number

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
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }
}
