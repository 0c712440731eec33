/** A time that stands still until a test moves it, and the timers of the system. */

import { TestClock } from '../conformance/test-clock.ts'

/** The clock of everything in a test of processing. Leases run out, and deadlines come, only when the test says so. */
export class SuiteTime extends TestClock {
  /** What waits for a time of day is woken soon, and looks at the clock. */
  readonly schedule = (callback: () => void, delayMs: number): (() => void) => {
    const timer = setTimeout(callback, Math.min(delayMs, 5))
    return () => clearTimeout(timer)
  }
}

const longestWaitMs = 20_000

/** @param holds is asked again and again @throws {Error} when it does not come to pass */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + longestWaitMs; !(await holds()); ) {
    if (performance.now() > end) throw new Error(`It did not come to pass in ${longestWaitMs} ms that ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
