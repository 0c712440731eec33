/** A page of the order log, folded: which places of the shards have which positions. */

import { StoreCorruptError } from '@cim/core'

/** "Shard `shard` holds everything up to its place `place`." */
export type ShardPlace = readonly [shard: number, place: number]

/** A run of places of one shard that follow each other in the order of all, too. */
export interface OrderRun {
  readonly shard: number
  /** The place before the first. */
  readonly after: number
  /** The last place. */
  to: number
  /** The position before the first. */
  readonly position: number
}

interface PageBody {
  readonly start: readonly number[]
  readonly runs: readonly (readonly [shard: number, count: number])[]
}

/**
 * Takes claims in the order of the log. What a claim covers that no claim before it did gets the next positions, by shard
 * and place: a pure function of the claims, so that all who read them agree, and what was given out never changes.
 */
export class OrderPage {
  /** Its number: page n is about the messages of the order log after n times the size of a page. */
  readonly index: number
  /** What all pages before it cover: the last place in each shard. */
  readonly start: readonly number[]
  /** The position before its first. */
  readonly startPosition: number
  readonly #end: number[]
  #endPosition: number
  readonly #runs: OrderRun[] = []
  /** The same runs by shard. */
  readonly #byShard: readonly OrderRun[][]

  constructor(index: number, start: readonly number[]) {
    this.index = index
    this.start = start
    this.startPosition = start.reduce((sum, place) => sum + place, 0)
    this.#end = [...start]
    this.#endPosition = this.startPosition
    this.#byShard = start.map(() => [])
  }

  /** What it and all pages before it cover: the last place in each shard. */
  get end(): readonly number[] {
    return this.#end
  }

  /** The position of the last place that it covers. */
  get endPosition(): number {
    return this.#endPosition
  }

  /** @returns true when this or a page before it covers the place */
  covers([shard, place]: ShardPlace): boolean {
    return (this.#end[shard] ?? 0) >= place
  }

  /** @param claim any places, in any order: what is covered already changes nothing */
  take(claim: readonly ShardPlace[]): void {
    for (const [shard, place] of [...claim].sort(([one], [other]) => one - other)) {
      const count = place - (this.#end[shard] ?? place)
      if (count > 0) this.#append(shard, count)
    }
  }

  #append(shard: number, count: number): void {
    if (!Number.isSafeInteger(this.#endPosition + count)) {
      const at = `place ${(this.#end[shard] ?? 0) + count} of shard ${shard + 1}`
      throw new StoreCorruptError(
        `The order log names ${at}, whose position would be no safe integer. Let nothing but this store write to its subjects.`,
      )
    }
    const after = this.#end[shard] ?? 0
    const last = this.#runs.at(-1)
    if (last?.shard === shard) last.to += count
    else {
      const run = { shard, after, to: after + count, position: this.#endPosition }
      this.#runs.push(run)
      this.#byShard[shard]?.push(run)
    }
    this.#end[shard] = after + count
    this.#endPosition += count
  }

  /** @returns the position of a place, undefined when another page covers it, or none does */
  positionOf([shard, place]: ShardPlace): number | undefined {
    const runs = this.#byShard[shard] ?? []
    const run = runs[firstIndex(runs, ({ to }) => to >= place)]
    return run === undefined || place <= run.after ? undefined : run.position + place - run.after
  }

  /** @returns what it has after a position, in order; the first may begin before it */
  runsAfter(position: number): readonly OrderRun[] {
    return this.#runs.slice(firstIndex(this.#runs, ({ position: before, after, to }) => before + to - after > position))
  }

  /** @returns the body of the message that keeps it */
  encode(): string {
    const body: PageBody = { start: this.start, runs: this.#runs.map(({ shard, after, to }) => [shard, to - after]) }
    return JSON.stringify(body)
  }

  /** @throws {StoreCorruptError} when it is no page over so many shards */
  static decode(index: number, shards: number, text: string): OrderPage {
    try {
      const { start, runs } = JSON.parse(text) as PageBody
      if (start.length !== shards) throw new TypeError(`it is about ${start.length} shards`)
      const page = new OrderPage(index, start)
      for (const [shard, count] of runs) page.#append(shard, count)
      if (!Number.isSafeInteger(page.endPosition)) throw new TypeError('its positions are no numbers')
      return page
    } catch (cause) {
      throw new StoreCorruptError(
        `The message of page ${index} of the order log is no page over ${shards} shards. Let nothing but this store write to its subjects.`,
        { cause },
      )
    }
  }
}

/** @returns the index of the first run for which it holds, from which on it holds for all */
function firstIndex(runs: readonly OrderRun[], holds: (run: OrderRun) => boolean): number {
  let [low, high] = [0, runs.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const run = runs[middle]
    if (run !== undefined && holds(run)) high = middle
    else low = middle + 1
  }
  return low
}
