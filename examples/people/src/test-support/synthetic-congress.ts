/** Makes up data in the format of the data about Congress, of any size, from a seed. */

import type { CongressData, Legislator } from '../import-congress/congress-data.ts'

/**
 * A small generator of repeatable random numbers.
 * @param seed any whole number
 * @returns a function that gives numbers from 0 up to but not including 1
 * @see mulberry32, by Tommy Ettinger
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * @param people how many; each makes about 10 commands
 * @param random decides on terms and memberships
 */
export function syntheticCongress(people: number, random: () => number): CongressData {
  const committees = Array.from({ length: Math.ceil(people / 20) }, (_, index) => ({
    id: `HS${index}`,
    type: 'house' as const,
    name: `Committee ${index}`,
    subcommittees: [1, 2].map((number) => ({ id: `HS${index}X${number}`, name: `Subcommittee ${number}` })),
  }))
  const legislators = Array.from({ length: people }, (_, index): Legislator => {
    const firstYear = 1991 + 2 * Math.floor(random() * 15)
    return {
      id: `P${index}`,
      name: { first: `First${index}`, last: `Last${index % 97}` },
      bio: { birthday: `19${50 + (index % 40)}-01-01` },
      terms: Array.from({ length: 1 + Math.floor(random() * 4) }, (_, term) => ({
        type: random() < 0.2 ? 'sen' : 'rep',
        start: `${firstYear + 2 * term}-01-03`,
        end: `${firstYear + 2 * term + 2}-01-03`,
      })),
    }
  })
  const bodies = committees.flatMap(({ id, subcommittees }) => [id, ...subcommittees.map((one) => one.id)])
  const memberships = bodies.map((committee) => ({
    committee,
    members: legislators
      .filter(() => random() < 30 / people)
      .map(({ id }, index) => ({ person: id, title: index === 0 ? 'Chair' : null })),
  }))
  return { legislators, committees, memberships }
}
