/** Runs seeds outside of the test runner, whose hooks into every promise take longer than the simulation. */

import { parentPort, workerData } from 'node:worker_threads'
import { simulate } from './simulation.ts'

/** Which seeds to run. */
export interface Seeds {
  readonly first: number
  readonly count: number
}

/** The first seed that failed, and why. */
export interface FailedSeed {
  readonly seed: number
  readonly reason: string
}

const { first, count } = workerData as Seeds

for (let seed = first; seed < first + count; seed++) {
  try {
    await simulate(seed)
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const failed: FailedSeed = { seed, reason }
    parentPort?.postMessage(failed)
    break
  }
}
