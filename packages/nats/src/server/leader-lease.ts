/** How long an answer of a leader may be believed. */

import { type Inbox, NoAnswer } from './inbox.ts'

/** What a server says of a stream and its replicas. @see https://docs.nats.io/reference/reference-protocols/nats_api_reference */
export interface LeaderInfo {
  readonly cluster?: {
    readonly leader?: string
    readonly leader_since?: string
    readonly replicas?: readonly {
      /** Nanoseconds since the leader has heard of it; 0 when it never has. */
      readonly active?: number
    }[]
  }
}

/** Servers elect another leader after 4 s without a sign of theirs. It gives one each second, and they answer. */
const longestSilenceMs = 2000
/** Less than the rest of those 4 s. */
const trustMs = 1000

interface Lease {
  readonly leader: string
  /** How the process was connected to it. */
  readonly server: string
  readonly untilMs: number
}

/**
 * A leader that is cut off from most of the others answers questions for 10 s or more, while they elect another and accept
 * appends. So no answer is believed unless the leader says, at most a second before or right after, that it has just heard of
 * most of the others. It is asked once a second while it is needed.
 */
export class LeaderLease {
  readonly #inbox: Inbox
  readonly #askInfo: () => Promise<LeaderInfo>
  #newest: Lease | undefined
  #renewing: Promise<Lease> | undefined

  /** @param askInfo asks the leader of the stream */
  constructor(inbox: Inbox, askInfo: () => Promise<LeaderInfo>) {
    this.#inbox = inbox
    this.#askInfo = askInfo
  }

  /**
   * Asks something of a leader that is one for certain.
   * @throws {NoAnswer} when there is none for now
   */
  async during<TAnswer>(ask: () => Promise<TAnswer>): Promise<TAnswer> {
    const before = await this.#at(performance.now())
    const answer = await ask()
    const after = await this.#at(performance.now())
    if (after.leader === before.leader && after.server === before.server) return answer
    throw new NoAnswer('the leader has changed', true)
  }

  /** @returns a lease that covers a moment */
  async #at(momentMs: number): Promise<Lease> {
    for (let lease = this.#newest; ; lease = await this.#renewing) {
      const isConnected = lease?.server === this.#inbox.connection.getServer()
      if (lease !== undefined && isConnected && momentMs <= lease.untilMs) return lease
      // Many that wait at once ask once.
      this.#renewing ??= this.#ask().finally(() => {
        this.#renewing = undefined
      })
    }
  }

  async #ask(): Promise<Lease> {
    const untilMs = performance.now() + trustMs
    const server = this.#inbox.connection.getServer()
    const { cluster } = await this.#askInfo()
    const { leader = '', leader_since: since = '', replicas = [] } = cluster ?? {}
    const silences = replicas.map(({ active = 0 }) => (active === 0 ? Number.POSITIVE_INFINITY : active / 1e6))
    // It is one itself of those that make most of them.
    const needed = Math.floor((replicas.length + 1) / 2)
    const silence = silences.toSorted((one, other) => one - other)[needed - 1] ?? 0
    if (silence > longestSilenceMs) {
      const length = Number.isFinite(silence) ? `for ${Math.round(silence)} ms` : 'yet'
      throw new NoAnswer(`the leader, ${leader}, has not heard of most of the others ${length}`, true)
    }
    this.#newest = { leader: `${leader} ${since}`, server, untilMs }
    return this.#newest
  }
}
