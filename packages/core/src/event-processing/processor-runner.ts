/** Runs one event processor from its checkpoint on, until it is stopped. */

import { hasErrorCode } from '../errors/cim-error.ts'
import { StopGivenUpError } from '../errors/processing-errors.ts'
import { Signal } from '../event-store/signal.ts'
import { Arrivals } from './arrivals.ts'
import type { EventProcessor } from './event-processor.ts'
import { orAborted } from './or-aborted.ts'
import { ProcessorGauge } from './processor-gauge.ts'
import { ProcessorLease } from './processor-lease.ts'
import {
  type CheckedRunnerOptions,
  checkRunnerOptions,
  type ProcessorRunnerOptions,
} from './processor-runner-options.ts'
import type { ProcessorStatus } from './processor-status.ts'
import { ProcessorWork } from './processor-work.ts'
import type { ProcessorProgress } from './progress-store.ts'
import { retryDelayMs } from './retry-delay.ts'

/** Owns the loop of one processor. */
export class ProcessorRunner {
  readonly processor: EventProcessor
  readonly #options: CheckedRunnerOptions
  readonly #lease: ProcessorLease
  readonly #gauge: ProcessorGauge
  readonly #work: ProcessorWork
  /** Something has come that the loop should look at. */
  readonly #wake = new Signal()
  #abort: AbortController | undefined
  #loop: Promise<void> | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  /** How often it was told to stop. */
  #stops = 0
  /** Somebody wants it to look at its progress and its dead letters at once. */
  #isAwaited = false
  /** When it last looked whether something has come that there is: milliseconds since 1970. */
  #lookedAt = 0
  /** How far it was then, when there was more to come. */
  #lastReached = -1

  constructor(options: ProcessorRunnerOptions) {
    const checked = checkRunnerOptions(options)
    this.#options = checked
    this.processor = checked.processor
    this.#lease = new ProcessorLease(checked)
    this.#gauge = new ProcessorGauge(checked.processor.processorName, checked.clock)
    this.#work = new ProcessorWork(checked, this.#lease, this.#gauge)
  }

  get status(): ProcessorStatus {
    return this.#work.status
  }

  /**
   * Asks for the processor and begins to process. Does nothing when it runs already.
   * @throws {CheckpointAheadError} when the checkpoint lies beyond the end of the event store
   */
  async start(): Promise<void> {
    const stops = this.#stops
    if (this.#stopping !== undefined) await this.#stopping
    // Whoever has asked for a stop since then has the last word.
    if (this.#abort !== undefined || this.#stops !== stops) return
    const abort = new AbortController()
    this.#abort = abort
    this.#starting = this.#begin()
    try {
      await this.#starting
    } catch (error) {
      await this.#giveBack()
      this.#abort = undefined
      throw error
    } finally {
      this.#starting = undefined
    }
    // It may have been stopped meanwhile.
    if (abort.signal.aborted) return
    this.#gauge.enter('waiting')
    this.#loop = this.#run(abort.signal)
  }

  /**
   * Ends the batch under way as early as the processor can, saves what is handled, gives the processor back and stops.
   * A reaction ends after the handlers in progress.
   * @param options a signal to wait no longer: for a store that never answers, see `waitingFor` in {@link ProcessorRunner.status}
   * @throws {StopGivenUpError} when the signal aborts first. It stops once it can; until then its claim is not renewed, so that
   *   another runner can take it over.
   */
  async stop({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#stops++
    this.#stopping ??= this.#stop()
    try {
      await orAborted(this.#stopping, signal)
    } catch (cause) {
      if (signal?.aborted !== true) throw cause
      this.#lease.letGo()
      throw new StopGivenUpError(this.processor.processorName, this.status.waitingFor, { cause })
    }
  }

  async #stop(): Promise<void> {
    this.#abort?.abort()
    this.#wake.notify()
    try {
      await this.#starting
    } catch {
      // Whoever started it is told.
    }
    await this.#loop
    // Stopped while it started, it may have asked for the processor already.
    await this.#giveBack()
    this.#abort = undefined
    this.#loop = undefined
    this.#stopping = undefined
    this.#gauge.enter('stopped')
  }

  /** Looks at once whether something is to be done: after dead letters were retried or discarded, or it was paused. */
  wake(): void {
    this.#isAwaited = true
    this.#wake.notify()
  }

  /**
   * Waits until everything is processed that the event store holds now; dead letters stay behind.
   * @param options a signal to give up
   * @throws the signal's reason
   */
  async drain({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const head = await orAborted(this.#options.eventStore.headPosition(), signal)
    const { moved } = this.#gauge
    for (;;) {
      signal?.throwIfAborted()
      const seen = moved.count
      if (this.#gauge.position >= head || this.#gauge.state === 'stopped') return
      await moved.wait(seen, { signal })
    }
  }

  /** Whatever is appended once this is done comes after the start. */
  async #begin(): Promise<void> {
    if (this.#options.startAt !== 'beginning') await this.#ask()
    await this.#work.readCheckpoint()
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seen = this.#wake.count
      try {
        const progress = await this.#ask()
        if (progress === undefined) {
          if (this.#gauge.state === 'waiting') await this.#lease.untilFree(this.#wake, seen)
          else await this.#rest(seen, this.#options.leaseMs / 3, signal)
          continue
        }
        await this.#work.begin(progress)
        await this.#follow(signal)
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) await this.#recover(error, signal)
      }
    }
    await this.#giveBack()
  }

  /** @returns the progress of the processor when this runner has it */
  async #ask(): Promise<ProcessorProgress | undefined> {
    const { processorName, progressStore } = this.processor
    const known = await this.#gauge.during('claim', () => progressStore.readProgress(processorName))
    if (known?.isPaused === true) {
      await this.#giveBack()
      this.#gauge.rest('paused')
      return undefined
    }
    const progress = await this.#gauge.during('claim', () => this.#lease.ask())
    if (progress === undefined) {
      this.#gauge.ownerIsAt(known?.position ?? 0)
      this.#gauge.rest('waiting')
    }
    return progress
  }

  async #giveBack(): Promise<void> {
    await this.#gauge.during('release-claim', () => this.#lease.giveBack())
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    // Another owner, or another's hand on the dead letters: nothing has failed, the step is done again.
    if (hasErrorCode(error, 'stale-owner') || hasErrorCode(error, 'dead-letters-changed')) return
    const failures = this.#gauge.failed(error)
    this.#options.onError(error, this.status)
    const { failures: policy, random } = this.#options
    await this.#rest(this.#wake.count, retryDelayMs(policy.retryDelay, failures, random()), signal)
  }

  async #rest(seen: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#wake.wait(seen, { signal, timeoutMs, schedule: this.#options.clock.schedule })
  }

  async #follow(signal: AbortSignal): Promise<void> {
    // A subscription that is a generator answers `return` only after its pending `next`, which this ends.
    const ending = new AbortController()
    const batches = this.#options.eventStore.subscribe(this.processor.subjectPatterns, {
      afterPosition: this.#gauge.position,
      batchSize: this.#options.batchSize,
      signal: ending.signal,
    })
    const iterator = batches[Symbol.asyncIterator]()
    const arrivals = new Arrivals(iterator, this.#wake)
    try {
      while (!signal.aborted) {
        const seen = this.#wake.count
        if (!(await this.#tend(signal))) return
        if (signal.aborted) break
        const batch = arrivals.take()
        if (batch === undefined) {
          await this.#rest(seen, this.#idleMs(), signal)
          continue
        }
        if (!(await this.#work.processBatch(batch, signal))) return
        // A long backlog must not keep everyone else in this process from running.
        await this.#options.nextTurn()
      }
      await this.#work.saveRest()
    } finally {
      ending.abort()
      await this.#gauge.during('end-subscription', async () => iterator.return?.())
    }
  }

  /** How long nothing but a new event need be looked at. */
  #idleMs(): number {
    const { clock, leaseMs } = this.#options
    const leftMs = Math.min(this.#lease.dueInMs(), this.#work.dueAt - clock.now())
    return Math.max(0, Math.min(leftMs, leaseMs / 3))
  }

  /** Shows a sign of life, and tries again what is due. @returns false when it is to be asked for, and read, anew */
  async #tend(signal: AbortSignal): Promise<boolean> {
    if (this.#isAwaited || this.#lease.isSignDue()) {
      this.#isAwaited = false
      const progress = await this.#work.renewClaim()
      const head = await this.#work.readHead()
      this.#gauge.headIsAt(head)
      if (head <= this.#gauge.position) this.#gauge.forgetFailures()
      await this.#work.takeIn(progress)
      if (progress.isPaused || this.#isStalled(head)) {
        await this.#work.saveRest()
        return false
      }
    }
    await this.#work.retryDue(signal)
    return true
  }

  /**
   * A wake-up that was lost must not hold anything up for longer than a sign of life takes to be due twice.
   * @returns whether there has been more for that long, and nothing has come
   */
  #isStalled(head: number): boolean {
    const { clock, leaseMs } = this.#options
    const sinceMs = clock.now() - this.#lookedAt
    // However often it is woken: what has just been asked for may be on its way.
    if (sinceMs >= 0 && sinceMs < leaseMs / 3) return false
    this.#lookedAt = clock.now()
    const { reached } = this.#gauge
    if (head > reached && reached === this.#lastReached) return true
    this.#lastReached = head > reached ? reached : -1
    return false
  }
}
