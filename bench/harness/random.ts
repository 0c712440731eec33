/** Repeatable randomness: every run of a benchmark makes the same choices. */

/**
 * @param seed any whole number
 * @returns a function like Math.random, with the same sequence for the same seed
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Puts numbers into a random order, in place. */
export function shuffle(numbers: Uint32Array, random: () => number): void {
  for (let index = numbers.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1))
    const swapped = numbers[index] ?? 0
    numbers[index] = numbers[other] ?? 0
    numbers[other] = swapped
  }
}
