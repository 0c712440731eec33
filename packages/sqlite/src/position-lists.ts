/** Lists of positions by a number, for very many numbers that mostly have one position each. */

const shortest = 1024

/**
 * A hash table in two flat arrays: an entry takes 24 bytes and nothing that the garbage collector has to visit, a third of
 * what a Map takes.
 */
export class PositionLists {
  #size = 0
  /** 0 where there is none. */
  #keys = new Float64Array(shortest)
  /** A position, or minus the number of a list in `#lists`. */
  #values = new Float64Array(shortest)
  readonly #lists: number[][] = [[]]

  /** @param key not 0 @param position greater than all before it */
  add(key: number, position: number): void {
    const slot = this.#slotOf(key)
    const known = this.#values[slot] ?? 0
    if (this.#keys[slot] === 0) {
      this.#keys[slot] = key
      this.#values[slot] = position
      this.#size++
      if (this.#size * 2 > this.#keys.length) this.#grow()
    } else if (known > 0) {
      this.#values[slot] = -this.#lists.length
      this.#lists.push([known, position])
    } else {
      this.#lists[-known]?.push(position)
    }
  }

  /** @returns the positions that were added under a key, rising */
  get(key: number): readonly number[] {
    const value = this.#values[this.#slotOf(key)] ?? 0
    return value > 0 ? [value] : (this.#lists[-value] ?? [])
  }

  /** @returns every key, rising */
  sortedKeys(): Float64Array {
    return this.#keys.filter((key) => key !== 0).sort()
  }

  #slotOf(key: number): number {
    const mask = this.#keys.length - 1
    let slot = Math.imul((key | 0) ^ (key / 4294967296), 0x9e3779b1) >>> 7
    for (slot &= mask; this.#keys[slot] !== 0 && this.#keys[slot] !== key; ) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values]
    this.#keys = new Float64Array(keys.length * 2)
    this.#values = new Float64Array(keys.length * 2)
    for (const [index, key] of keys.entries()) {
      if (key === 0) continue
      const slot = this.#slotOf(key)
      this.#keys[slot] = key
      this.#values[slot] = values[index] ?? 0
    }
  }
}
