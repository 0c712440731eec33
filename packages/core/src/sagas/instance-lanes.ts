/** Keeps order within an instance of a saga, and lets different ones work side by side. */

import { KeyedQueue } from '../write-side/keyed-queue.ts'

/** Runs work of one instance in order and that of different ones side by side, so many at once. */
export class InstanceLanes {
  readonly #queue = new KeyedQueue()
  readonly #most: number
  readonly #underWay = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  /** @param most pieces of work that are under way or queued at once */
  constructor(most: number) {
    this.#most = most
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /** Once some work has thrown, none is begun any more. @returns when it is queued: waits while too much is */
  async run(key: string, work: () => Promise<void>): Promise<void> {
    const done: Promise<void> = this.#queue
      .run(key, () => (this.hasFailed ? Promise.resolve() : work()))
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .then(() => {
        this.#underWay.delete(done)
      })
    this.#underWay.add(done)
    if (this.#underWay.size >= this.#most) await Promise.race(this.#underWay)
  }

  /** @returns when nothing is under way */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** @throws what the first work threw that did */
  assertNoFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
