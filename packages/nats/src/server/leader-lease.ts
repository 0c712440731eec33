/** How long an answer of a leader may be believed. */

import { setTimeout as sleep } from 'node:timers/promises'
import { NoAnswer } from './inbox.ts'

/** What a server says of a stream and its replicas. @see https://docs.nats.io/reference/reference-protocols/nats_api_reference */
export interface LeaderInfo {
  /** The time of the server. */
  readonly ts?: string
  readonly cluster?: {
    readonly leader?: string
    readonly leader_since?: string
    readonly replicas?: readonly {
      /** Nanoseconds since the leader has heard of it; 0 when it never has. */
      readonly active?: number
    }[]
  }
}

/** Servers that have not heard of their leader for 4 s elect another. This leaves half a second for clocks that drift. */
const electionMs = 3500
/** A leader that stood still longer than that sees first what it had missed, and then that it is none any more. */
const settleMs = 150
const renewMs = 1000
/** How long it is kept up after it was used. */
const keepMs = 60_000

interface Lease {
  readonly leader: string
  /** How the process was connected to it. */
  readonly server: string
  /** Until then nobody else can have been elected. */
  readonly untilMs: number
  readonly settledMs: number
  readonly isSettled: boolean
}

/**
 * A leader that is cut off from most of the others, or stood still, goes on answering while they have elected another and
 * accepted appends. So no answer is believed unless the leader says right before and after it that it has just heard of most
 * of the others. That is asked once a second while it is needed. Whoever was not heard for so long that another may have been
 * elected meanwhile must say it twice.
 */
export class LeaderLease {
  readonly #server: () => string
  readonly #askInfo: () => Promise<LeaderInfo>
  #newest: Lease | undefined
  #renewing: Promise<unknown> | undefined
  #timer: NodeJS.Timeout | undefined
  #usedMs = 0

  /**
   * @param server to which the process is connected now
   * @param askInfo asks the leader of the stream
   */
  constructor(server: () => string, askInfo: () => Promise<LeaderInfo>) {
    this.#server = server
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
    this.#usedMs = performance.now()
    this.#keep()
    if (after.leader === before.leader && after.server === before.server) return answer
    throw new NoAnswer('the leader has changed', true)
  }

  /** @returns a lease that covers a moment */
  async #at(momentMs: number): Promise<Lease> {
    for (;;) {
      const lease = this.#newest
      if (lease !== undefined && lease.server === this.#server() && momentMs <= lease.untilMs) {
        if (lease.isSettled) return lease
        // A timer may fire a moment early.
        await sleep(Math.max(0, Math.ceil(lease.settledMs - performance.now())) + 1)
        if (this.#newest !== lease) continue
      }
      await this.#renew()
    }
  }

  /** Many that wait at once ask once. */
  #renew(): Promise<unknown> {
    this.#renewing ??= this.#ask().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #ask(): Promise<void> {
    const [sentMs, server] = [performance.now(), this.#server()]
    const { ts = '', cluster = {} } = await this.#askInfo()
    const receivedMs = performance.now()
    const { leader: name = '', leader_since: since = '', replicas = [] } = cluster
    const silences = replicas.map(({ active = 0 }) => (active === 0 ? Number.POSITIVE_INFINITY : active / 1e6))
    // It is one itself of those that make most of them.
    const needed = Math.floor((replicas.length + 1) / 2)
    const silence = silences.toSorted((one, other) => one - other)[needed - 1] ?? 0
    const untilMs = sentMs - silence + electionMs
    if (receivedMs > untilMs) {
      const length = Number.isFinite(silence) ? `for ${Math.round(silence)} ms` : 'yet'
      throw new NoAnswer(`the leader, ${name}, has not heard of most of the others ${length}`, true)
    }
    const leader = `${name} ${since}`
    const known = this.#newest
    const isUnbroken = known?.leader === leader && known.server === server && receivedMs <= known.untilMs
    // One that has just been elected did not stand still.
    const isYoung = replicas.length === 0 || Date.parse(ts) - Date.parse(since) < electionMs
    const settledMs = isUnbroken ? known.settledMs : receivedMs + (isYoung ? 0 : settleMs)
    this.#newest = { leader, server, untilMs, settledMs, isSettled: isYoung || sentMs >= settledMs }
  }

  /** Renews it before it is needed, so that nobody waits for that. */
  #keep(): void {
    if (this.#timer !== undefined || performance.now() - this.#usedMs > keepMs) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      // What fails is asked again when it is needed.
      this.#renew().then(
        () => this.#keep(),
        () => undefined,
      )
    }, renewMs).unref()
  }
}
