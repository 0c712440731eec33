/** Wakes everyone who waits for something to happen. */

/** A counter that can be waited for. Look at `count`, look at the state, then wait for the count to pass. */
export class Signal {
  #count = 0
  #waiting = new Set<() => void>()

  /** How often it was notified. */
  get count(): number {
    return this.#count
  }

  notify(): void {
    this.#count++
    if (this.#waiting.size === 0) return
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const wake of waiting) wake()
  }

  /**
   * @param seen the count before the caller looked; returns at once when it is no longer the count
   * @param options a signal, a time after which to return anyway, and the clock that it goes by
   * @returns when it was notified since, aborted, or timed out
   */
  async wait(
    seen: number,
    options?: {
      readonly signal?: AbortSignal | undefined
      readonly timeoutMs?: number
      readonly schedule?: (callback: () => void, delayMs: number) => () => void
    },
  ): Promise<void> {
    const signal = options?.signal
    if (this.#count !== seen || signal?.aborted === true) return
    await new Promise<void>((resolve) => {
      let cancel: (() => void) | undefined
      const wake = (): void => {
        this.#waiting.delete(wake)
        signal?.removeEventListener('abort', wake)
        cancel?.()
        resolve()
      }
      this.#waiting.add(wake)
      signal?.addEventListener('abort', wake, { once: true })
      if (options?.timeoutMs !== undefined) cancel = (options.schedule ?? scheduleTimer)(wake, options.timeoutMs)
    })
  }
}

function scheduleTimer(callback: () => void, delayMs: number): () => void {
  const timer = setTimeout(callback, delayMs)
  return () => clearTimeout(timer)
}
