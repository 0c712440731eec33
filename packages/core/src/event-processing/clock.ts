/** The time that processing goes by: the system's, or one that a simulation moves. */

/** What a processor must know of time. */
export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Calls back after so many milliseconds. @returns a function that calls it off */
  readonly schedule: (callback: () => void, delayMs: number) => () => void
}

/** A timer of the system cannot wait longer. */
const longestTimerMs = 2 ** 31 - 1

/** The clock of the system. Waits of more than 24 days end after 24 days. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, Math.min(delayMs, longestTimerMs))
    return () => clearTimeout(timer)
  },
}
