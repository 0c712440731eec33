/** The time that processing goes by: the system's, or one that a simulation moves. */

/** What a processor must know of time. */
export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Calls back after so many milliseconds. @returns a function that calls it off */
  readonly schedule: (callback: () => void, delayMs: number) => () => void
}

/** The clock of the system. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
