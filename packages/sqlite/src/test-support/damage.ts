/** Changes bytes at random, as bad disks, bad memory and torn writes do. */

const sectorBytes = 512

/**
 * @param original is left as it is
 * @param random decides what and where
 */
export function damage(
  original: Buffer,
  random: (below: number) => number,
): { readonly bytes: Buffer; readonly description: string } {
  const bytes = Buffer.from(original)
  // Half of all places are among the first bytes of a page, where its structure is.
  const anywhere = random(bytes.length)
  const at = random(2) === 0 ? anywhere : Math.min(bytes.length - 1, anywhere - (anywhere % 4096) + random(64))
  switch (random(5)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
      return { bytes, description: `one bit at ${at}` }
    case 1: {
      const length = 1 + random(16)
      for (let index = at; index < Math.min(bytes.length, at + length); index++) bytes[index] = random(256)
      return { bytes, description: `${length} random bytes at ${at}` }
    }
    case 2: {
      const start = at - (at % sectorBytes)
      bytes.fill(0, start, start + sectorBytes)
      return { bytes, description: `a sector of zeros at ${start}` }
    }
    case 3: {
      const from = random(Math.ceil(bytes.length / sectorBytes)) * sectorBytes
      const to = at - (at % sectorBytes)
      original.copy(bytes, to, from, from + sectorBytes)
      return { bytes, description: `the sector at ${from} once more at ${to}` }
    }
    default:
      // A file of which nothing is left is as good as a new one.
      return { bytes: bytes.subarray(0, Math.max(1, at)), description: `cut off at ${Math.max(1, at)}` }
  }
}
