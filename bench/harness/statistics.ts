/** The few statistics that results are made of. */

/** @returns the middle of the values; of an even number of them, the mean of the two in the middle */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/**
 * @param sorted rising
 * @param fraction from 0 to 1
 * @returns the smallest value that at least that fraction of the values does not exceed
 */
export function percentile(sorted: Float64Array, fraction: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN
}
