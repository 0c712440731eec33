/** Publishes claims: "shard s holds everything up to its place q". */

import { hasErrorCode } from '@cim/core'
import { NoAnswer } from '../server/inbox.ts'
import type { Patience } from '../server/patience.ts'
import type { Publisher } from '../server/publisher.ts'
import type { OrderLog } from './order-log.ts'
import { encodeClaim, type OrderSubjects } from './order-messages.ts'
import type { ShardPlace } from './order-page.ts'

interface NextClaim {
  /** The last place by shard. */
  readonly places: Map<number, number>
  readonly folded: Promise<void>
}

/** So many are under way at once; what comes meanwhile shares the next. */
const mostUnderWay = 8

/** A claim may be published any number of times by anyone: what is covered already changes nothing. */
export class Claims {
  readonly #publisher: Publisher
  readonly #order: OrderLog
  readonly #subject: string
  #next: NextClaim | undefined
  #underWay = 0
  readonly #waiting: (() => void)[] = []

  constructor(publisher: Publisher, order: OrderLog, subjects: OrderSubjects) {
    this.#publisher = publisher
    this.#order = order
    this.#subject = subjects.claims
  }

  /**
   * Resolves when everything up to a place has a position.
   * @param place of an event that is stored
   * @throws {StoreUnavailableError} when the order log takes no claim for too long: it may be claimed again at any time
   */
  async cover(place: ShardPlace, patience: Patience): Promise<void> {
    await patience.during('giving stored events their positions', async () => {
      if (!this.#order.covers(place)) await this.#claim(place)
    })
  }

  /** As {@link cover}, for what another process has stored and most likely claimed. */
  async reach(place: ShardPlace, patience: Patience): Promise<void> {
    if (this.#order.covers(place)) return
    await patience.during('reading the order of events', () => this.#order.advance())
    await this.cover(place, patience)
  }

  #claim([shard, place]: ShardPlace): Promise<void> {
    const next = this.#next ?? this.#begin()
    this.#next = next
    next.places.set(shard, Math.max(place, next.places.get(shard) ?? 0))
    return next.folded
  }

  #begin(): NextClaim {
    const places = new Map<number, number>()
    return { places, folded: this.#publish(places) }
  }

  async #publish(places: ReadonlyMap<number, number>): Promise<void> {
    // What is stored within one turn shares a claim.
    if (this.#underWay < mostUnderWay) await new Promise(setImmediate)
    while (this.#underWay >= mostUnderWay) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#next = undefined
    const claim = [...places]
    this.#underWay++
    let sequence: number
    try {
      sequence = await this.#send(claim)
    } finally {
      this.#underWay--
      this.#waiting.shift()?.()
    }
    await this.#order.take(sequence, claim)
  }

  /** @returns the place of the claim in the order log */
  async #send(claim: readonly ShardPlace[]): Promise<number> {
    const { folded } = this.#order
    try {
      const outcome = await this.#publisher.publish({ subject: this.#subject, body: encodeClaim(claim) })
      if (outcome.kind === 'refused') throw new NoAnswer('the order log refused a claim', true)
      if (outcome.kind === 'unknown') throw outcome.cause
      if (outcome.sequence <= folded) this.#order.fail(outcome.sequence)
      return outcome.sequence
    } catch (cause) {
      // What the server says of it is about the claim: the events are stored, and room may come.
      if (!hasErrorCode(cause, 'store-full') && !hasErrorCode(cause, 'store-unavailable')) throw cause
      throw new NoAnswer(`the order log takes no claim: ${(cause as { code: string }).code}`, true, { cause })
    }
  }
}
