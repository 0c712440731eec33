/** Compares what the servers hold with what has positions, after each time they were away. */

/** Once for all who wait for it, and again when they were away meanwhile. */
export class Comparison {
  readonly #compare: () => Promise<void>
  #due = 0
  #done = 0
  #running: Promise<void> | undefined

  /** @param compare throws when something is missing, or the servers do not answer */
  constructor(compare: () => Promise<void>) {
    this.#compare = compare
  }

  get isDue(): boolean {
    return this.#done < this.#due
  }

  /** The servers were away. It is begun, so that losses are noticed by a process that appends nothing, too. */
  begin(): void {
    this.#due++
    void this.finish().catch(() => undefined)
  }

  /** Resolves when nothing was found missing. Where it failed, it is begun anew. */
  async finish(): Promise<void> {
    while (this.isDue) {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined
      })
      await this.#running
    }
  }

  async #run(): Promise<void> {
    const due = this.#due
    await this.#compare()
    this.#done = due
  }
}
