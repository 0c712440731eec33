/** Events that are read at once: as many as were asked for, or as much text as memory should hold. */

import type { DomainEventEnvelope } from '@cim/core'

/** About how many characters of events' data are read at once: 8 MiB of most text. */
export const mostTextAtOnce: number = 8 * 1024 * 1024

/** Takes at least one event, then more until there are enough, or enough text. */
export class EventPortion {
  readonly events: DomainEventEnvelope[] = []
  readonly #limit: number
  #textLeft = mostTextAtOnce

  /** @param limit how many events at most */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** How many more events may come. */
  get eventsLeft(): number {
    return this.#limit - this.events.length
  }

  get isFull(): boolean {
    return this.events.length >= this.#limit || this.#textLeft <= 0
  }

  /** The position of the newest event, undefined when there is none. */
  get position(): number | undefined {
    return this.events.at(-1)?.position
  }

  /** @param textLength characters of the event's data as stored */
  add(event: DomainEventEnvelope, textLength: number): void {
    this.events.push(event)
    this.#textLeft -= textLength
  }
}
