/** Many persons, and who of them has how many events. */

import { type AppendResult, createUuidGenerator, deriveUuid, type EventStore } from '@cim/core'
import { seededRandom } from '../harness/random.ts'
import { personEventContent } from './person-events.ts'

const newId = createUuidGenerator()

/** Chooses persons at random and appends to them, each by one caller only, so that nobody conflicts. */
export class Persons {
  readonly ids: readonly string[]
  /** The version of each. */
  readonly versions: Uint32Array
  readonly #random: () => number
  #used = 0

  /**
   * @param count how many persons
   * @param version the version that all of them have
   * @param seed other choices for another seed
   */
  constructor(count: number, version = 0, seed = 1) {
    this.ids = Array.from({ length: count }, (_, index) => personId(index))
    this.versions = new Uint32Array(count).fill(version)
    this.#random = seededRandom(seed)
  }

  /** @returns the number of a person that belongs to this one of so many callers */
  choose(caller: number, callers: number): number {
    const share = Math.max(1, Math.floor(this.ids.length / callers))
    return (Math.floor(this.#random() * share) * callers + caller) % this.ids.length
  }

  /** @returns the number of an event's content, another one each time */
  nextContent(): number {
    return this.#used++
  }

  /** Appends one event to one of the caller's persons, with her expected version. */
  appendOne(store: EventStore, caller: number, callers: number): Promise<AppendResult> {
    return this.appendTo(store, this.choose(caller, callers))
  }

  /** Appends the next event of a person, with her expected version, and ids as a command would give it. */
  appendTo(store: EventStore, index: number): Promise<AppendResult> {
    const sequence = (this.versions[index] ?? 0) + 1
    this.versions[index] = sequence
    const id = newId()
    const metadata = { correlationId: id, causationId: id, commandId: id }
    return store.appendEvents(
      { aggregateType: 'Person', aggregateId: this.ids[index] ?? '' },
      [{ ...personEventContent(sequence, this.nextContent()), metadata }],
      { expectedVersion: sequence - 1 },
    )
  }
}

/** @returns the id of the person with that number */
export function personId(index: number): string {
  return deriveUuid('Person', `person ${index}`)
}
