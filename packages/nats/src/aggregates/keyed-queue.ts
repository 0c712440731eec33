/** Runs tasks with the same key one after the other, tasks with different keys side by side. */

/** Keeps appends to one aggregate from conflicting with each other inside one process. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>()

  /** @param task is started when all earlier ones with the key have settled */
  run<TResult>(key: string, task: () => Promise<TResult>): Promise<TResult> {
    const tail = this.#tails.get(key)
    const result = tail === undefined ? task() : tail.then(task)
    const forget = (): void => {
      if (this.#tails.get(key) === settled) this.#tails.delete(key)
    }
    const settled: Promise<void> = result.then(forget, forget)
    this.#tails.set(key, settled)
    return result
  }
}
