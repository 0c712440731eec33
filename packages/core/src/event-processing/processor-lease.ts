/** The right of one runner to run its processor, for as long as it shows signs of life. */

import type { Signal } from '../event-store/signal.ts'
import { createUuidGenerator } from '../event-store/uuid.ts'
import type { CheckedRunnerOptions } from './processor-runner-options.ts'
import type { ProcessorClaim, ProcessorProgress } from './progress-store.ts'

const newOwner = createUuidGenerator()

/** Asks for a processor, keeps it, and gives it back. */
export class ProcessorLease {
  readonly #options: CheckedRunnerOptions
  readonly #owner: string = newOwner()
  #claim: ProcessorClaim | undefined
  #leaseUntil = 0
  #isLetGo = false

  constructor(options: CheckedRunnerOptions) {
    this.#options = options
  }

  /** @throws {Error} when this runner does not have the processor */
  get claim(): ProcessorClaim {
    if (this.#claim !== undefined) return this.#claim
    const { processorName } = this.#options.processor
    throw new Error(`Processor ${processorName} works without a claim: this is a mistake in the runner.`)
  }

  /** @returns the progress of the processor, undefined while another runner has it */
  async ask(): Promise<ProcessorProgress | undefined> {
    const { processorName, progressStore } = this.#options.processor
    const { clock, leaseMs } = this.#options
    this.#isLetGo = false
    const now = clock.now()
    const request = { owner: this.#owner, now, leaseMs, startPosition: await this.#startPosition() }
    this.#claim = await progressStore.claimProcessor(processorName, request)
    if (this.#claim === undefined) return undefined
    this.#leaseUntil = now + leaseMs
    return await progressStore.readProgress(processorName)
  }

  /**
   * Waits until it is worth while to ask again. What an owner in this process gives back is heard of at once, or soon while much
   * is committed: each commit may be that, and each look is a question to the store. One in another process is asked after by
   * and by.
   * @param wake ends the wait too
   * @param seen its count, when the processor was asked for
   */
  async untilFree(wake: Signal, seen: number): Promise<void> {
    const { clock, leaseMs, processor } = this.#options
    const { committed } = processor.progressStore
    const until = clock.now() + leaseMs / 3
    const leastPauseMs = leaseMs / 30
    for (;;) {
      const commits = committed.count
      const nextLook = clock.now() + leastPauseMs
      const progress = await processor.progressStore.readProgress(processor.processorName)
      const timeoutMs = Math.min(until - clock.now(), leaseMs / 3)
      if (progress?.owner === undefined || wake.count !== seen || timeoutMs <= 0) return
      const ending = new AbortController()
      await Promise.race([
        wake.wait(seen, { signal: ending.signal, timeoutMs, schedule: clock.schedule }),
        committed.wait(commits, { signal: ending.signal }),
      ])
      ending.abort()
      // A clock that is set back must not make it longer.
      const pauseMs = Math.min(nextLook - clock.now(), leastPauseMs)
      if (pauseMs > 0) await wake.wait(seen, { timeoutMs: pauseMs, schedule: clock.schedule })
    }
  }

  async #startPosition(): Promise<number> {
    const { eventStore, processor, startAt } = this.#options
    if (startAt === 'beginning') return 0
    const head = await eventStore.headPosition()
    const begun = (await processor.hasBegunAfter?.()) ?? head
    return Math.min(begun, startAt === 'now' ? head : startAt)
  }

  /** Shows a sign of life. @returns the progress as others see it */
  async renew(): Promise<ProcessorProgress> {
    const leaseUntil = this.renewedUntil()
    const progress = await this.#options.processor.progressStore.renewClaim(this.claim, leaseUntil)
    this.#leaseUntil = leaseUntil
    return progress
  }

  /** @returns until when a sign of life would keep the processor: a save is one */
  renewedUntil(): number {
    return this.#options.clock.now() + this.#options.leaseMs
  }

  /** A save has kept the processor. */
  renewed(leaseUntil: number): void {
    this.#leaseUntil = leaseUntil
  }

  /** Nobody waits for the work any longer: it no longer keeps the processor from others. */
  letGo(): void {
    this.#isLetGo = true
  }

  async giveBack(): Promise<void> {
    const claim = this.#claim
    this.#claim = undefined
    try {
      if (claim !== undefined) await this.#options.processor.progressStore.releaseClaim(claim)
    } catch {
      // The claim ends by itself.
    }
  }

  /** Milliseconds until the next sign of life is due. */
  dueInMs(): number {
    const { clock, leaseMs } = this.#options
    return this.#leaseUntil - (leaseMs * 2) / 3 - clock.now()
  }

  /** A clock that was set back must not keep it from looking at what others ask: more than a whole lease is left then. */
  isSignDue(): boolean {
    const { clock, leaseMs } = this.#options
    return this.dueInMs() <= 0 || clock.now() < this.#leaseUntil - leaseMs
  }

  /** Shows signs of life as long as the work takes: else another runner would begin the same work. */
  async keepDuring<TResult>(work: () => Promise<TResult>): Promise<TResult> {
    const { clock, leaseMs } = this.#options
    let cancel = (): void => undefined
    const beat = (): void => {
      cancel = clock.schedule(() => {
        // When it fails, the save will fail too.
        if (!this.#isLetGo) this.renew().catch(() => undefined)
        beat()
      }, leaseMs / 3)
    }
    beat()
    try {
      return await work()
    } finally {
      cancel()
    }
  }
}
