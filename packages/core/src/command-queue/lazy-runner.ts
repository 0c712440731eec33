/** A processor that is run only once there is something for it to do. */

import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import { type RetryDelay, retryDelayMs } from '../event-processing/retry-delay.ts'
import { Signal } from '../event-store/signal.ts'

/** What a {@link LazyRunner} needs. */
export interface LazyRunnerOptions {
  readonly create: () => ProcessorRunner
  readonly retryDelay: RetryDelay
  readonly onError: (error: unknown) => void
}

/** Owns a runner that may never be needed. */
export class LazyRunner {
  readonly #options: LazyRunnerOptions
  #runner: ProcessorRunner | undefined
  /** Present while it may run. */
  #allowed: AbortController | undefined
  #beginning: Promise<void> | undefined

  constructor(options: LazyRunnerOptions) {
    this.#options = options
  }

  /** The runner, once it was needed. */
  get made(): readonly ProcessorRunner[] {
    return this.#runner === undefined ? [] : [this.#runner]
  }

  /** Allows it to run. @param isNeeded runs it at once; else when {@link need} is called */
  async start(isNeeded: boolean): Promise<void> {
    this.#allowed ??= new AbortController()
    if (isNeeded) await this.#make().start()
  }

  /** Runs it if it is allowed, now or as soon as it can be. */
  need(): void {
    if (this.#allowed === undefined || this.#beginning !== undefined || this.#runner !== undefined) return
    this.#beginning = this.#begin(this.#allowed.signal)
  }

  async stop(): Promise<void> {
    this.#allowed?.abort()
    this.#allowed = undefined
    await this.#runner?.stop()
    await this.#beginning
    this.#beginning = undefined
    await this.#runner?.stop()
  }

  #make(): ProcessorRunner {
    this.#runner ??= this.#options.create()
    return this.#runner
  }

  /** Nobody waits for it who could be told that it failed, so it tries until it has begun. */
  async #begin(signal: AbortSignal): Promise<void> {
    const { retryDelay, onError } = this.#options
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await this.#make().start()
        return
      } catch (error) {
        onError(error)
        await new Signal().wait(0, { signal, timeoutMs: retryDelayMs(retryDelay, failures, Math.random()) })
      }
    }
  }
}
