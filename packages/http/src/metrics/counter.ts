/** A number that rises, one per combination of labels. */

import { formatSample, header } from './exposition.ts'

/** Counts by labels. */
export class Counter {
  readonly #name: string
  readonly #help: string
  readonly #labelNames: readonly string[]
  readonly #values = new Map<string, { readonly labels: readonly string[]; count: number }>()

  /**
   * @param name ends in `_total`
   * @param help one sentence
   * @param labelNames in the order in which {@link increment} takes their values
   */
  constructor(name: string, help: string, labelNames: readonly string[]) {
    this.#name = name
    this.#help = help
    this.#labelNames = labelNames
  }

  /** @param labels only values from a bounded set: each combination is kept for good */
  increment(...labels: readonly string[]): void {
    const key = labels.join('\n')
    const value = this.#values.get(key)
    if (value === undefined) this.#values.set(key, { labels, count: 1 })
    else value.count++
  }

  /** @returns lines of the exposition format */
  *lines(): Generator<string> {
    yield* header(this.#name, 'counter', this.#help)
    for (const { labels, count } of this.#values.values()) {
      yield formatSample(this.#name, this.#labelNames, labels, count)
    }
  }
}
