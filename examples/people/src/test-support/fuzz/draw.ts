/** Choices that a seed decides on. */

import fc from 'fast-check'

/** Draws a value. The same seed draws the same ones in the same order. */
export type Draw = fc.GeneratorValue

/**
 * @param seed of the whole run
 * @param index of what is made, so that each can be made by itself
 * @param make draws what it needs
 */
export function drawn<TValue>(seed: number, index: number, make: (draw: Draw) => TValue): TValue {
  // The values to draw from hold the boundaries already. Neighbours must differ in more than a bit.
  const mixed = Math.imul(seed ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b) | 0
  const [value] = fc.sample(fc.noBias(fc.gen().map(make)), { seed: mixed, numRuns: 1 }) as [TValue]
  return value
}

/** @returns a whole number from `least` to `most` */
export function whole(draw: Draw, least: number, most: number): number {
  return draw(fc.integer, { min: least, max: most })
}

/** @returns one of the items, of which there is at least one */
export function pick<TItem>(draw: Draw, items: readonly TItem[]): TItem {
  return items[whole(draw, 0, items.length - 1)] as TItem
}

/** @returns true in so many of a hundred cases */
export function chance(draw: Draw, percent: number): boolean {
  return whole(draw, 0, 99) < percent
}

/** @param ways how to make it, each with how often it is taken among the others */
export function either<TValue>(draw: Draw, ways: readonly (readonly [number, () => TValue])[]): TValue {
  let left = whole(
    draw,
    1,
    ways.reduce((sum, [weight]) => sum + weight, 0),
  )
  for (const [weight, make] of ways) {
    left -= weight
    if (left <= 0) return make()
  }
  throw new Error('There must be a way')
}
