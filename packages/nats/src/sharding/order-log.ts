/** Follows the order log: what it says so far is folded in memory. */

import { StoreCorruptError } from '@cim/core'
import { mostBytesAtOnce } from '../log/stream-source.ts'
import { textOf } from '../messages/event-message.ts'
import { NoAnswer } from '../server/inbox.ts'
import type { LeaderApi } from '../server/leader-api.ts'
import { encodeClaim } from './order-messages.ts'
import { OrderPage, type ShardPlace } from './order-page.ts'
import { claimOf, OrderPages, type OrderPagesParts } from './order-pages.ts'
import { claimOfNothing } from './sharding-errors.ts'

/** What {@link OrderLog} works with. */
export interface OrderLogParts extends OrderPagesParts {
  readonly leader: LeaderApi
  /** @returns the last place of a shard, as its leader knows it @throws {StoreUnavailableError} when it does not answer */
  readonly shardEnd: (shard: number) => Promise<number>
  /** Is told up to which message it has been folded. */
  readonly folded: (sequence: number) => void
}

const mostMessages = 1000

/** Each call that asks the servers throws a {@link NoAnswer} when they do not answer for now. */
export class OrderLog {
  readonly #parts: OrderLogParts
  readonly #pages: OrderPages
  /** The page that is not full yet. */
  #page: OrderPage
  #folded = 0
  /** The body of the newest message that was folded, undefined when there was none. */
  #newest: string | undefined
  /** Claims of this process of which the place is known, but not what stands before them. */
  readonly #own = new Map<number, readonly ShardPlace[]>()
  /** Up to where each shard is known to hold something. */
  readonly #held: number[]
  #advancing: Promise<void> | undefined
  #isDoubtful = false
  #failure: StoreCorruptError | undefined

  constructor(parts: OrderLogParts) {
    this.#parts = parts
    this.#pages = new OrderPages(parts)
    this.#page = new OrderPage(0, new Array<number>(parts.shards).fill(0))
    this.#held = new Array<number>(parts.shards).fill(0)
  }

  /** The last message that was folded. */
  get folded(): number {
    return this.#folded
  }

  /** The last position that is given out. */
  get endPosition(): number {
    return this.#page.endPosition
  }

  /** The last place of each shard that has a position. */
  get end(): readonly number[] {
    return this.#page.end
  }

  covers(place: ShardPlace): boolean {
    return this.#page.covers(place)
  }

  /** Begins with the newest page. */
  async start(): Promise<void> {
    const { leader, pageSize } = this.#parts
    const newest = await leader.newestSequence()
    const index = Math.floor(newest / pageSize)
    if (index > 0) {
      const before = await this.#pages.page(index - 1)
      this.#page = new OrderPage(index, before.end)
      this.#folded = index * pageSize
    }
    await this.#advanceTo(newest)
  }

  /** Folds what has come, or about 1,000 messages of it. */
  advance(): Promise<void> {
    this.#advancing ??= this.#readOn().finally(() => {
      this.#advancing = undefined
    })
    return this.#advancing
  }

  /** Takes a message of this process that was acknowledged, and folds what stands before it. */
  async take(sequence: number, claim: readonly ShardPlace[]): Promise<void> {
    this.assertWhole()
    // While it is not known whether the log is still what was folded, everything is read from it, this claim too.
    if (sequence > this.#folded && !this.#isDoubtful) this.#own.set(sequence, claim)
    for (let next = this.#own.get(this.#folded + 1); next !== undefined; next = this.#own.get(this.#folded + 1)) {
      this.#fold(this.#folded + 1, next, encodeClaim(next))
    }
    await this.#advanceTo(sequence)
    // Of all processes, the one whose message has filled the page publishes it.
    const { pageSize } = this.#parts
    if (sequence % pageSize === 0) void this.#pages.publish(await this.#pages.page(sequence / pageSize - 1))
  }

  /** @returns the position of a place that is covered */
  async positionOf(place: ShardPlace): Promise<number> {
    const known = this.#page.positionOf(place)
    if (known !== undefined) return known
    const [shard, value] = place
    const range = ({ start, end }: OrderPage) => [start[shard] ?? 0, end[shard] ?? 0] as const
    const { index, start } = this.#page
    const page = await this.#pages.search(value, range, index, start[shard] ?? 0)
    const position = page.positionOf(place)
    if (position === undefined)
      throw new StoreCorruptError(`The order log has no position for place ${value} of shard ${shard + 1}.`)
    return position
  }

  /** @returns the page with the next position, which is given out already */
  async pageAfter(position: number): Promise<OrderPage> {
    const { index, startPosition } = this.#page
    if (position >= startPosition) return this.#page
    const range = (page: OrderPage) => [page.startPosition, page.endPosition] as const
    return this.#pages.search(position + 1, range, index, startPosition)
  }

  /** The servers were away, and may have lost what they had not synced: it is compared before more is folded. */
  doubt(): void {
    this.#isDoubtful = true
    this.#own.clear()
    this.#held.fill(0)
  }

  /** Tells of a place that a shard holds: a claim of it need not be checked. */
  holds([shard, place]: ShardPlace): void {
    this.#held[shard] = Math.max(place, this.#held[shard] ?? 0)
  }

  /** Nothing is folded or given out any more: what is read or appended from here on could have another position elsewhere. */
  stop(failure: StoreCorruptError): StoreCorruptError {
    this.#failure ??= failure
    return this.#failure
  }

  /** @throws {StoreCorruptError} when something was found missing or changed before */
  assertWhole(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** @throws {StoreCorruptError} when the log is no longer what was folded */
  async verify(): Promise<void> {
    this.assertWhole()
    if (this.#folded === 0) return
    const [sequence, expected] = [this.#folded, this.#newest]
    const message = await this.#parts.leader.messageAt(sequence)
    const isSame = message !== undefined && (expected === undefined || textOf(message.data) === expected)
    if (isSame) this.#isDoubtful = false
    else this.fail(sequence)
  }

  /** @param sequence of a message that was folded, and is another now */
  fail(sequence: number): never {
    const failure = new StoreCorruptError(
      `JetStream: the order log was read up to ${this.#folded}, and its message ${sequence} is no longer there or another one. The servers have lost claims ` +
        'that they had acknowledged: they lost power without `sync_interval: always`, or were restored from an older copy. Positions after it may be given ' +
        'to other events: stop every process, restore the stream, or build everything anew that keeps positions.',
    )
    throw this.stop(failure)
  }

  async #advanceTo(sequence: number): Promise<void> {
    while (this.#folded < sequence) {
      const before = this.#folded
      await this.advance()
      if (this.#folded === before)
        throw new NoAnswer(`a replica has the order log up to ${before}, not to ${sequence}`, true)
    }
  }

  async #readOn(): Promise<void> {
    if (this.#isDoubtful || this.#failure !== undefined) await this.verify()
    const first = this.#folded
    const messages = await this.#parts.source.messages(first, mostMessages, mostBytesAtOnce)
    const claims = messages.map((message, index) => claimOf(message, first + index, this.#parts))
    await this.#checkAreHeld(claims)
    for (const [index, { sequence, data }] of messages.entries()) {
      // What this process has claimed may have been folded meanwhile.
      if (sequence > this.#folded) this.#fold(sequence, claims[index] ?? [], textOf(data))
    }
  }

  /** Positions of what no shard holds would never be read, and whoever follows the log would wait for them for ever. */
  async #checkAreHeld(claims: readonly (readonly ShardPlace[])[]): Promise<void> {
    const claimed = new Array<number>(this.#parts.shards).fill(0)
    for (const [shard, place] of claims.flat()) claimed[shard] = Math.max(place, claimed[shard] ?? 0)
    const checking = claimed.map(async (place, shard) => {
      if (place <= Math.max(this.#page.end[shard] ?? 0, this.#held[shard] ?? 0)) return
      const end = await this.#parts.shardEnd(shard)
      if (place > end) throw this.stop(claimOfNothing(shard, place, end))
      this.holds([shard, end])
    })
    await Promise.all(checking)
  }

  #fold(sequence: number, claim: readonly ShardPlace[], text: string): void {
    this.#page.take(claim)
    this.#folded = sequence
    this.#newest = text
    this.#own.delete(sequence)
    if (sequence % this.#parts.pageSize === 0) {
      this.#pages.keep(this.#page)
      this.#page = new OrderPage(this.#page.index + 1, this.#page.end)
    }
    this.#parts.folded(sequence)
  }
}
