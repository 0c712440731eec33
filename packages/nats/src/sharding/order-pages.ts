/** The pages of the order log that are full: they never change, and are loaded when they are asked for. */

import { StoreCorruptError } from '@cim/core'
import type { StreamSource } from '../log/stream-source.ts'
import { mostBytesAtOnce } from '../log/stream-source.ts'
import { type StoredMessage, textOf } from '../messages/event-message.ts'
import { type DirectReader, tooMany } from '../server/direct-reader.ts'
import { NoAnswer } from '../server/inbox.ts'
import type { Publisher } from '../server/publisher.ts'
import { decodeClaim, type OrderSubjects } from './order-messages.ts'
import { OrderPage, type ShardPlace } from './order-page.ts'

/** What {@link OrderPages} works with. */
export interface OrderPagesParts {
  readonly direct: DirectReader
  readonly source: StreamSource
  readonly publisher: Publisher
  readonly subjects: OrderSubjects
  readonly shards: number
  /** How many messages of the order log make a page. */
  readonly pageSize: number
}

/** How many pages to remember: about 100 bytes for each run of places, of which a claim adds up to one for each shard. */
const mostRemembered = 256
const mostMessages = 1000

/**
 * Each is kept in a message of its own, so that what is old is found with a few small reads. Who finds none folds it anew
 * from the claims and publishes it; several of the same page say the same.
 */
export class OrderPages {
  readonly #parts: OrderPagesParts
  /** Those used last come last. */
  readonly #remembered = new Map<number, OrderPage>()
  readonly #loading = new Map<number, Promise<OrderPage>>()

  constructor(parts: OrderPagesParts) {
    this.#parts = parts
  }

  /** Remembers a page that is full. */
  keep(page: OrderPage): void {
    this.#remembered.delete(page.index)
    this.#remembered.set(page.index, page)
    if (this.#remembered.size <= mostRemembered) return
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest)
      return
    }
  }

  /** Publishes a page. It may fail: then somebody folds it anew. */
  async publish(page: OrderPage): Promise<void> {
    const { publisher, subjects } = this.#parts
    await publisher.publish({ subject: subjects.page(page.index), body: page.encode() }).catch(() => undefined)
  }

  /**
   * @param index of a page that is full
   * @throws {NoAnswer} when it cannot be read for now
   */
  async page(index: number): Promise<OrderPage> {
    const known = this.#remembered.get(index)
    if (known !== undefined) {
      this.keep(known)
      return known
    }
    let loading = this.#loading.get(index)
    if (loading === undefined) {
      loading = this.#load(index).finally(() => this.#loading.delete(index))
      this.#loading.set(index, loading)
    }
    return loading
  }

  /**
   * @param value what is looked for among the first `count` pages
   * @param range what a page covers: more than the first, up to the second; rises from page to page
   * @param newest up to where the last of them goes
   */
  async search(
    value: number,
    range: (page: OrderPage) => readonly [after: number, to: number],
    count: number,
    newest: number,
  ): Promise<OrderPage> {
    let [low, high, lowValue, highValue] = [0, count - 1, 0, newest]
    for (let step = 0; low <= high; step++) {
      // They grow at an even pace, mostly. In case they do not, every other step halves what is left.
      const share = step % 2 === 0 ? (value - lowValue) / (highValue - lowValue) : 0.5
      const middle = Math.min(high, low + Math.floor(share * (high - low + 1)))
      const page = await this.page(middle)
      const [after, to] = range(page)
      if (value <= after) [high, highValue] = [middle - 1, after]
      else if (value > to) [low, lowValue] = [middle + 1, to]
      else return page
    }
    throw new StoreCorruptError(
      `The order log has no page for ${value} among its first ${count}, which cover ${newest}.`,
    )
  }

  async #load(index: number): Promise<OrderPage> {
    const { shards } = this.#parts
    let page = await this.#find(index)
    let first = index
    let before: OrderPage | undefined
    while (page === undefined && before === undefined && first > 0) {
      before = this.#remembered.get(first - 1) ?? (await this.#find(first - 1))
      if (before === undefined) first--
    }
    for (let next = first; page === undefined || page.index < index; next++) {
      page = await this.#fold(next, before?.end ?? new Array<number>(shards).fill(0))
      void this.publish(page)
      this.keep(page)
      before = page
    }
    this.keep(page)
    return page
  }

  async #find(index: number): Promise<OrderPage | undefined> {
    const { direct, subjects, shards } = this.#parts
    const run = await direct.get({ multi_last: [subjects.page(index)], batch: 1 })
    const message = run === tooMany ? undefined : run.messages[0]
    return message === undefined ? undefined : OrderPage.decode(index, shards, textOf(message.data))
  }

  async #fold(index: number, start: readonly number[]): Promise<OrderPage> {
    const { pageSize, source } = this.#parts
    const page = new OrderPage(index, start)
    const end = (index + 1) * pageSize
    for (let next = index * pageSize; next < end; ) {
      const messages = await source.messages(next, Math.min(end - next, mostMessages), mostBytesAtOnce)
      if (messages.length === 0) throw new NoAnswer(`a replica has the order log up to ${next}, not to ${end}`, true)
      for (const message of messages) page.take(claimOf(message, next++, this.#parts))
    }
    return page
  }
}

/**
 * @param message of the order log
 * @param before the place of the message that was read before it
 * @returns what it claims; a page claims nothing
 * @throws {StoreCorruptError} when it is not the next, or neither claim nor page
 */
export function claimOf(
  message: StoredMessage,
  before: number,
  { subjects, shards }: Pick<OrderPagesParts, 'subjects' | 'shards'>,
): readonly ShardPlace[] {
  const { sequence, subject } = message
  if (sequence !== before + 1) {
    throw new StoreCorruptError(
      `The order log has no message ${before + 1}, but it has message ${sequence}: claims were deleted, and positions cannot be told. ` +
        'Restore its stream from a backup from before.',
    )
  }
  return subjects.isPage(subject) ? [] : decodeClaim(message, shards)
}
