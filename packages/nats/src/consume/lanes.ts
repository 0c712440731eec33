/** Runs work in order for each key, and side by side for different ones. */

/** Queues by key, and a bound on how much runs at once. */
export class Lanes {
  readonly #lanes = new Map<string, (() => Promise<void>)[]>()
  readonly #waiting: (() => void)[] = []
  #free: number
  #running = new Set<Promise<void>>()

  /** @param concurrency how many calls {@link withSlot} lets run at once */
  constructor(concurrency: number) {
    this.#free = concurrency
  }

  /** @param work is begun when all earlier work of the key has ended; must not throw */
  push(key: string, work: () => Promise<void>): void {
    const lane = this.#lanes.get(key)
    if (lane !== undefined) {
      lane.push(work)
      return
    }
    const queue = [work]
    this.#lanes.set(key, queue)
    const running = this.#run(key, queue).finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Runs something as soon as fewer than the bound run. Waits between attempts are outside of it. */
  async withSlot<TResult>(work: () => Promise<TResult>): Promise<TResult> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }

  /** @returns when everything that was pushed has ended */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  async #run(key: string, queue: (() => Promise<void>)[]): Promise<void> {
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      await next()
      queue.shift()
    }
    this.#lanes.delete(key)
  }
}
