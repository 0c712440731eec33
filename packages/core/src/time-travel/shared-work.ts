/** Does once what several ask for at the same time. */

interface Work<TResult> {
  readonly result: Promise<TResult>
  readonly abort: AbortController
  waiting: number
}

/** Work by key. It goes on as long as anybody waits for it. */
export class SharedWork<TResult> {
  readonly #works = new Map<string, Work<TResult>>()

  /** How many works are under way. */
  get size(): number {
    return this.#works.size
  }

  /**
   * @param key who asks with the same key while the work is under way gets the same result
   * @param begin begins the work; its signal aborts when nobody waits any more
   * @param signal gives up for this one alone
   * @throws the signal's reason
   */
  async run(
    key: string,
    begin: (signal: AbortSignal) => Promise<TResult>,
    signal: AbortSignal | undefined,
  ): Promise<TResult> {
    signal?.throwIfAborted()
    const work = this.#works.get(key) ?? this.#begin(key, begin)
    work.waiting++
    try {
      return await untilAborted(work.result, signal)
    } finally {
      work.waiting--
      if (work.waiting === 0) {
        this.#forget(key, work)
        work.abort.abort()
      }
    }
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<TResult>): Work<TResult> {
    const abort = new AbortController()
    const work: Work<TResult> = { result: begin(abort.signal), abort, waiting: 0 }
    this.#works.set(key, work)
    const forget = (): void => this.#forget(key, work)
    work.result.then(forget, forget)
    return work
  }

  #forget(key: string, work: Work<TResult>): void {
    if (this.#works.get(key) === work) this.#works.delete(key)
  }
}

async function untilAborted<TResult>(result: Promise<TResult>, signal: AbortSignal | undefined): Promise<TResult> {
  if (signal === undefined) return result
  const aborted = Promise.withResolvers<never>()
  const giveUp = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    return await Promise.race([result, aborted.promise])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
