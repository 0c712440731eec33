/** Measures several things side by side. */

/** What one run gave, by name. */
export type Sample = { readonly [metric: string]: number }

/**
 * Runs every subject once in each round, in an order that turns from round to round: what disturbs the machine for a
 * while disturbs all of them, and nobody always comes first.
 * @param rounds how often each subject runs
 * @param subjects by name; each run returns what it measured
 * @returns each subject's samples, one for each round
 */
export async function inRounds<TName extends string, TSample extends Sample>(
  rounds: number,
  subjects: Readonly<Record<TName, () => TSample | Promise<TSample>>>,
): Promise<Readonly<Record<TName, readonly TSample[]>>> {
  const names = Object.keys(subjects) as TName[]
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<TName, TSample[]>
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length] as TName
      // One run does not pay for the garbage of another. Present under `node --expose-gc`.
      globalThis.gc?.()
      samples[name].push(await subjects[name]())
    }
  }
  return samples
}

/** @returns one metric of each sample */
export function pick<TSample extends Sample>(samples: readonly TSample[], metric: keyof TSample): readonly number[] {
  return samples.map((sample) => sample[metric] ?? Number.NaN)
}

/** @returns `dividend / divisor`, round by round */
export function ratios(dividend: readonly number[], divisor: readonly number[]): readonly number[] {
  return dividend.map((value, round) => value / (divisor[round] ?? Number.NaN))
}
