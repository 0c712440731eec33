/** How far the log is, as its leader knows it. */

import { decodeEvent, type StoredMessage } from '../messages/event-message.ts'
import { isEventSubject } from '../messages/event-subject.ts'
import { type DirectReader, tooMany } from '../server/direct-reader.ts'
import { NoAnswer } from '../server/inbox.ts'
import type { LeaderApi } from '../server/leader-api.ts'
import type { Patience } from '../server/patience.ts'

const firstStride = 16
const longestStride = 1000

/** The newest event is not always the newest message: outcomes of commands stand in the stream, too. */
export class LogHead {
  readonly #leader: LeaderApi
  readonly #direct: DirectReader
  readonly #prefix: string
  /** The newest event among all messages up to `#searched`. */
  #position = 0
  #searched = 0

  constructor(leader: LeaderApi, direct: DirectReader, prefix: string) {
    this.#leader = leader
    this.#direct = direct
    this.#prefix = prefix
  }

  /** Tells of an event that is stored: nothing before it need be searched. */
  saw(position: number): void {
    if (position <= this.#searched) return
    this.#position = position
    this.#searched = position
  }

  /** Forgets what it has seen: the servers may have lost it. */
  forget(): void {
    this.#position = 0
    this.#searched = 0
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

  /** Goes back from the newest message to the newest event: a step in most cases, then in growing strides. */
  async #search(patience: Patience): Promise<StoredMessage | undefined> {
    const end = await this.newestSequence(patience)
    const known = this.#searched
    let found = end > known ? await this.#event(end, patience) : undefined
    for (let last = end - 1, stride = firstStride; found === undefined && last > known; last -= stride) {
      stride = Math.min(stride * 4, longestStride)
      const first = Math.max(known + 1, last - stride + 1)
      const messages = await patience.during('looking for the newest event', () => this.#stretch(first, last))
      found = messages.findLast(({ subject }) => isEventSubject(this.#prefix, subject))
    }
    if (found !== undefined) this.saw(found.sequence)
    this.#searched = Math.max(this.#searched, end)
    return found
  }

  async #event(sequence: number, patience: Patience): Promise<StoredMessage | undefined> {
    const message = await patience.during('looking for the newest event', () => this.#leader.messageAt(sequence))
    return message !== undefined && isEventSubject(this.#prefix, message.subject) ? message : undefined
  }

  async #stretch(first: number, last: number): Promise<readonly StoredMessage[]> {
    const messages: StoredMessage[] = []
    for (let next = first; next <= last; ) {
      const run = await this.#direct.get({ seq: next, batch: last - next + 1 })
      const newest = run === tooMany ? undefined : run.messages.at(-1)
      if (run === tooMany || newest === undefined) throw new NoAnswer('a replica is behind the leader', true)
      messages.push(...run.messages)
      next = newest.sequence + 1
    }
    return messages
  }
}
