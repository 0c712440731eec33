/** How durations are spread, one distribution per label. */

import { formatSample, header } from './exposition.ts'

/** Seconds; from what a cached aggregate takes to what a client gives up on. */
const bounds: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

interface Distribution {
  /** Per bound, and one more for what is above all of them. Not cumulative. */
  readonly counts: number[]
  sum: number
}

/** Distributions of durations by one label. */
export class Histogram {
  readonly #name: string
  readonly #help: string
  readonly #labelName: string
  readonly #distributions = new Map<string, Distribution>()

  /** @param name ends in `_seconds` @param help one sentence @param labelName what {@link observe} takes the value of */
  constructor(name: string, help: string, labelName: string) {
    this.#name = name
    this.#help = help
    this.#labelName = labelName
  }

  /** @param label from a bounded set @param milliseconds how long it took */
  observe(label: string, milliseconds: number): void {
    const seconds = milliseconds / 1000
    let distribution = this.#distributions.get(label)
    if (distribution === undefined) {
      distribution = { counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 }
      this.#distributions.set(label, distribution)
    }
    const above = bounds.findIndex((bound) => seconds <= bound)
    const bucket = above === -1 ? bounds.length : above
    distribution.counts[bucket] = (distribution.counts[bucket] ?? 0) + 1
    distribution.sum += seconds
  }

  /** @returns lines of the exposition format */
  *lines(): Generator<string> {
    yield* header(this.#name, 'histogram', this.#help)
    const names = [this.#labelName, 'le']
    for (const [label, { counts, sum }] of this.#distributions) {
      let total = 0
      for (const [index, count] of counts.entries()) {
        total += count
        const bound = bounds[index]
        yield formatSample(`${this.#name}_bucket`, names, [label, bound === undefined ? '+Inf' : String(bound)], total)
      }
      yield formatSample(`${this.#name}_sum`, [this.#labelName], [label], sum)
      yield formatSample(`${this.#name}_count`, [this.#labelName], [label], total)
    }
  }
}
