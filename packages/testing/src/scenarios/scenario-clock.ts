/** A clock for whole applications: its time goes on only when a scenario says so. */

import type { Clock } from '@cim/core'

interface Timer {
  readonly dueAt: number
  readonly fire: () => void
}

/** What the machinery waits for by itself, such as the next look at deadlines, comes so many times as fast. */
const haste = 20

/**
 * Everybody is told the time of the scenario. Waits end when that time has come, or after a twentieth of their length on the
 * system's clock: whoever was waiting finds the time unchanged, and waits on.
 */
export class ScenarioClock implements Clock {
  #time: number
  readonly #timers = new Set<Timer>()

  /** @param time milliseconds since 1970 */
  constructor(time: number) {
    this.#time = time
  }

  readonly now = (): number => this.#time

  readonly schedule = (callback: () => void, delayMs: number): (() => void) => {
    const cancel = (): void => {
      clearTimeout(timeout)
      this.#timers.delete(timer)
    }
    const fire = (): void => {
      cancel()
      callback()
    }
    const timeout = setTimeout(fire, delayMs / haste)
    const timer = { dueAt: this.#time + delayMs, fire }
    this.#timers.add(timer)
    return cancel
  }

  /** @param time milliseconds since 1970; waits that end by then end now, in order */
  moveTo(time: number): void {
    this.#time = time
    const due = [...this.#timers].filter(({ dueAt }) => dueAt <= time)
    for (const { fire } of due.sort((one, other) => one.dueAt - other.dueAt)) fire()
  }
}
