/** Reaches deadlines when their time has come. */

import type { Clock } from '../event-processing/clock.ts'
import { Signal } from '../event-store/signal.ts'

/** A deadline that is due, and whose it is. */
export interface DueDeadline {
  readonly sagaId: string
  readonly deadlineId: string
}

/** What a {@link DeadlineTimer} needs. */
export interface DeadlineTimerOptions {
  readonly clock: Clock
  /** Notified when pending deadlines may have changed. */
  readonly changed: Signal
  /**
   * @param afterPosition what deadlines that were reached have changed up to here must be seen
   * @returns some of those that are due at a time, none when this process is not in charge, and when the next one after that
   *   time is due; milliseconds since 1970
   */
  readonly findDue: (
    time: number,
    afterPosition: number,
    signal: AbortSignal,
  ) => Promise<{ readonly due: readonly DueDeadline[]; readonly next: number | undefined }>
  /** @returns the position at which the journal says so */
  readonly reach: (deadline: DueDeadline) => Promise<number>
  readonly onError: (error: unknown) => void
}

/** A clock that is set forward is noticed after this long. */
const longestWaitMs = 1000
/** Changes come in numbers: what they mean for the next deadline is looked up once for all of them. */
const shortestWaitMs = 20

/**
 * Waits for the earliest deadline of the view, however many there are. Keeps nothing in memory, so that a restart loses
 * nothing; that each is reached once is seen to by the journal, which recognises a repetition.
 */
export class DeadlineTimer {
  readonly #options: DeadlineTimerOptions
  #stop: AbortController | undefined
  #running: Promise<void> = Promise.resolve()
  #reached = 0

  constructor(options: DeadlineTimerOptions) {
    this.#options = options
  }

  /** How many deadlines were reached since the timer was made. */
  get reached(): number {
    return this.#reached
  }

  start(): void {
    if (this.#stop !== undefined) return
    this.#stop = new AbortController()
    this.#running = this.#run(this.#stop.signal)
  }

  /** @returns when nothing is under way any more */
  async stop(): Promise<void> {
    this.#stop?.abort()
    this.#stop = undefined
    await this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    let afterPosition = 0
    while (!signal.aborted) {
      const seen = this.#options.changed.count
      let waitMs = longestWaitMs
      try {
        const now = this.#options.clock.now()
        const { due, next } = await this.#options.findDue(now, afterPosition, signal)
        const position = await this.#reachAll(due)
        if (position > afterPosition) {
          afterPosition = position
          continue
        }
        if (next !== undefined && due.length === 0) waitMs = Math.min(longestWaitMs, Math.max(next - now, 0))
      } catch (error) {
        if (!signal.aborted) this.#options.onError(error)
      }
      await this.#wait(seen, Math.max(waitMs, shortestWaitMs), signal)
    }
  }

  /** @returns the newest position of those that were reached, 0 when none was */
  async #reachAll(due: readonly DueDeadline[]): Promise<number> {
    let newest = 0
    const outcomes = await Promise.allSettled(due.map((deadline) => this.#options.reach(deadline)))
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') this.#options.onError(outcome.reason)
      else {
        this.#reached++
        newest = Math.max(newest, outcome.value)
      }
    }
    return newest
  }

  async #wait(seen: number, waitMs: number, signal: AbortSignal): Promise<void> {
    const { clock, changed } = this.#options
    const { schedule } = clock
    await changed.wait(seen, { signal, timeoutMs: waitMs, schedule })
    if (changed.count !== seen) await new Signal().wait(0, { signal, timeoutMs: shortestWaitMs, schedule })
  }
}
