/** Whose claims have run out, by the clock of this process. */

import type { ProcessorClaim } from '@cim/core'
import type { ProgressRecord } from './progress-record.ts'

/** Clocks that differ by more than this let a claim be taken that has not run out; nothing worse: the owner's saves are refused. */
const mostClockDifferenceMs = 60_000

interface Sighting {
  readonly epoch: number
  readonly leaseUntil: number
  /** When this process first saw that sign of life, by its own clock. */
  readonly seenAt: number
}

/**
 * Clocks of other machines need not be right. A claim of this process runs out when its lease says so. That of another has run out
 * once this process has seen no new sign of life for as long as the lease is, or when the lease ended so long ago that no clock can
 * be that wrong: so nobody waits after all processes were away.
 */
export class LeaseSightings {
  readonly #given = new Map<string, number>()
  readonly #sightings = new Map<string, Sighting>()

  /** Tells of a claim that was given in this process. */
  gave({ processorName, epoch }: ProcessorClaim): void {
    this.#given.set(processorName, epoch)
  }

  /** @param now milliseconds since 1970 @returns whether nobody runs the processor */
  isFree({ progress, leaseMs }: ProgressRecord, now: number): boolean {
    const { processorName, owner, epoch, leaseUntil } = progress
    if (owner === undefined) return true
    if (this.#given.get(processorName) === epoch) return leaseUntil <= now
    if (leaseUntil + mostClockDifferenceMs <= now) return true
    const seen = this.#sightings.get(processorName)
    const isSame = seen?.epoch === epoch && seen.leaseUntil === leaseUntil && seen.seenAt <= now
    if (isSame) return seen.seenAt + leaseMs <= now
    this.#sightings.set(processorName, { epoch, leaseUntil, seenAt: now })
    return leaseMs <= 0
  }
}
