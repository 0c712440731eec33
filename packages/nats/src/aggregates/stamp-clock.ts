/** When events are stored. */

import { createIsoFormatter, InvalidOptionError } from '@cim/core'

const lastTime = 8.64e15

/**
 * Gives times that never decrease in the order of this process's appends, and are never before what it has seen of others,
 * whatever its clock does. An append that fails does not move it on.
 */
export class StampClock {
  readonly #now: () => number
  readonly #toIso: (time: number) => string = createIsoFormatter()
  /** The newest that is stored. */
  #newest = 0
  /** The text that was seen last: most appends share theirs with the one before. */
  #seen = ''
  /** The newest that was given out and may yet be stored. */
  #given = 0
  #underWay = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** @returns the time of an append that is sent now; call {@link settle} when it is known what became of it */
  stamp(): string {
    const time = this.#now()
    if (!(Math.abs(time) <= lastTime)) {
      throw new InvalidOptionError(
        'JetStreamEventStore',
        'now',
        `must give milliseconds since 1970, it gave ${String(time)}.`,
      )
    }
    this.#given = Math.max(Math.floor(time), this.#newest, this.#given)
    this.#underWay++
    return this.#toIso(this.#given)
  }

  /** @param isStored false when nothing was stored with this time */
  settle(timestamp: string, isStored: boolean): void {
    this.#underWay--
    if (isStored) this.saw(timestamp)
    if (this.#underWay === 0) this.#given = this.#newest
  }

  /** @param timestamp of an event that is stored */
  saw(timestamp: string): void {
    if (timestamp === this.#seen) return
    this.#seen = timestamp
    const time = Date.parse(timestamp)
    if (time > this.#newest) this.#newest = time
  }
}
