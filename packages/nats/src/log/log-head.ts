/** How far the log is, as its leader knows it. */

import { decodeEvent, type StoredMessage } from '../messages/event-message.ts'
import { parseEventSubject } from '../messages/event-subject.ts'
import type { LeaderApi } from '../server/leader-api.ts'
import type { Patience } from '../server/patience.ts'

/** The newest event is not always the newest message: outcomes of commands stand in the stream, too. */
export class LogHead {
  readonly #leader: LeaderApi
  readonly #prefix: string
  /** The newest event among all messages up to `#searched`. */
  #position = 0
  #searched = 0

  constructor(leader: LeaderApi, prefix: string) {
    this.#leader = leader
    this.#prefix = prefix
  }

  /** Tells of an event that is stored: nothing before it need be searched. */
  saw(position: number): void {
    if (position <= this.#searched) return
    this.#position = position
    this.#searched = position
  }

  /** @returns the position of the newest event, 0 when there is none */
  async position(patience: Patience): Promise<number> {
    await this.#search(patience)
    return this.#position
  }

  /** @returns the newest place of the stream */
  newestSequence(patience: Patience): Promise<number> {
    return patience.during('asking how far the log is', () => this.#leader.newestSequence())
  }

  isStored(sequence: number): Promise<boolean> {
    return this.#leader.messageAt(sequence).then((message) => message !== undefined)
  }

  /** @returns the timestamp of the newest event */
  async newestTimestamp(patience: Patience): Promise<string | undefined> {
    const event = await this.#search(patience)
    return event === undefined ? undefined : decodeEvent(this.#prefix, event)?.envelope.timestamp
  }

  /** Goes back from the newest message to the newest event: a step in most cases. */
  async #search(patience: Patience): Promise<StoredMessage | undefined> {
    const end = await this.newestSequence(patience)
    const known = this.#searched
    for (let sequence = end; sequence > known; sequence--) {
      const message = await patience.during('looking for the newest event', () => this.#leader.messageAt(sequence))
      if (message === undefined || parseEventSubject(this.#prefix, message.subject) === undefined) continue
      this.saw(sequence)
      this.#searched = Math.max(this.#searched, end)
      return message
    }
    this.#searched = Math.max(this.#searched, end)
    return undefined
  }
}
