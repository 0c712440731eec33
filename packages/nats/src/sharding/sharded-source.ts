/** Several streams as one log: what each holds, in the order that the claims give. */

import { hasErrorCode, type StoreCorruptError } from '@cim/core'
import type { EventStream } from '../event-stream.ts'
import type { LogRun, LogSource } from '../log/log-source.ts'
import { mostBytesAtOnce } from '../log/stream-source.ts'
import type { StoredMessage } from '../messages/event-message.ts'
import { NoAnswer } from '../server/inbox.ts'
import type { Patience } from '../server/patience.ts'
import type { Claims } from './claims.ts'
import type { OrderLog } from './order-log.ts'
import type { OrderRun } from './order-page.ts'

/** What {@link ShardedSource} works with. */
export interface ShardedSourceParts {
  readonly shards: readonly EventStream[]
  /** Before the subjects of each shard's own prefix. */
  readonly prefix: string
  readonly order: OrderLog
  readonly claims: Claims
  /** The newest message of the order log that is known to be stored. */
  readonly newestClaim: () => number
  readonly newPatience: () => Patience
}

/** A stretch of one shard that is read at once. */
interface ShardStretch {
  readonly after: number
  to: number
}

type WantedShards = ReadonlySet<number> | undefined

interface WantedRun extends OrderRun {
  readonly isWanted: boolean
}

/** Room for at least one message of the largest size. */
const leastBytes = 2 * 1024 * 1024
/** How often a reader looks for events that nobody has claimed: their writer may be gone. */
const lookAgainMs = 1000

/** Positions are those of all shards here. */
export class ShardedSource implements LogSource {
  readonly #parts: ShardedSourceParts
  #looked = Number.NEGATIVE_INFINITY
  #isLooking = false

  constructor(parts: ShardedSourceParts) {
    this.#parts = parts
  }

  /** @returns the same log, of which only some shards are asked, undefined for all */
  only(wanted: WantedShards): LogSource {
    return {
      read: (after, count) => this.#read(after, count, wanted),
      position: (patience) => this.position(patience),
      checkIsStored: (position, patience) => this.checkIsStored(position, patience),
    }
  }

  read(after: number, count: number): Promise<LogRun> {
    return this.#read(after, count, undefined)
  }

  async #read(after: number, count: number, wanted: WantedShards): Promise<LogRun> {
    const { order } = this.#parts
    this.#look()
    if (order.endPosition <= after || order.folded < this.#parts.newestClaim()) await order.advance()
    if (order.endPosition <= after) return { messages: [], end: after, endsWithEvent: false }
    const page = await order.pageAfter(after)
    const runs = nextRuns(page.runsAfter(after), after, count, wanted)
    return this.#merge(runs, await this.#readShards(runs), after)
  }

  /** What is read of one shard is one stretch, however often the order changes between them. */
  async #readShards(runs: readonly WantedRun[]): Promise<ReadonlyMap<number, readonly StoredMessage[]>> {
    const stretches = new Map<number, ShardStretch>()
    for (const run of runs) {
      if (!run.isWanted) continue
      const stretch = stretches.get(run.shard)
      if (stretch === undefined) stretches.set(run.shard, { after: run.after, to: run.to })
      else stretch.to = run.to
    }
    const mostBytes = Math.max(leastBytes, Math.floor(mostBytesAtOnce / Math.max(1, stretches.size)))
    const reading = [...stretches].map(async ([shard, { after, to }]) => {
      const messages = await this.#parts.shards[shard]?.source.messages(after, to - after, mostBytes)
      return [shard, (messages ?? []).filter(({ sequence }) => sequence <= to)] as const
    })
    return new Map(await Promise.all(reading))
  }

  /** Ends where a shard has given less than it holds: a replica may be behind, or there was too much. */
  #merge(runs: readonly WantedRun[], shards: ReadonlyMap<number, readonly StoredMessage[]>, first: number): LogRun {
    const messages: StoredMessage[] = []
    const indexes = new Map<number, number>()
    let [end, endsWithEvent] = [first, false]
    for (const { shard, after, to, position, isWanted } of runs) {
      if (!isWanted) {
        // A claim ends with an event.
        ;[end, endsWithEvent] = [position + to - after, true]
        continue
      }
      const own = shards.get(shard) ?? []
      let index = indexes.get(shard) ?? 0
      for (; index < own.length; index++) {
        const message = own[index]
        if (message === undefined || message.sequence > to) break
        end = position + message.sequence - after
        messages.push(this.#placed(message, shard, end))
        endsWithEvent = false
      }
      indexes.set(shard, index)
      if ((own.at(-1)?.sequence ?? 0) < to) {
        if (end === first)
          throw new NoAnswer(`a replica of shard ${shard + 1} lacks place ${after + 1}, which was claimed`, true)
        break
      }
      end = position + to - after
    }
    return { messages, end, endsWithEvent }
  }

  /** As it would stand in one stream. */
  #placed({ subject, data }: StoredMessage, shard: number, sequence: number): StoredMessage {
    const { prefix, shards } = this.#parts
    return { subject: prefix + subject.slice(shards[shard]?.prefix.length), data, sequence }
  }

  /** Whoever asks sees what stood in the shards when it asked, also what its writer did not come to claim. */
  async position(patience: Patience): Promise<number> {
    const { shards, claims, order } = this.#parts
    this.#looked = performance.now()
    const heads = await Promise.all(shards.map(({ head }) => head.position(patience)))
    await Promise.all(heads.map((place, shard) => claims.reach([shard, place], patience)))
    return order.endPosition
  }

  #look(): void {
    if (this.#isLooking || performance.now() - this.#looked < lookAgainMs) return
    this.#isLooking = true
    const looking = this.position(this.#parts.newPatience())
    // Whoever looks in vain looks again.
    void looking
      .catch(() => undefined)
      .finally(() => {
        this.#isLooking = false
      })
  }

  async checkIsStored(_position: number, patience: Patience): Promise<void> {
    const { order, shards } = this.#parts
    await patience.during('comparing the order of events', () => order.verify())
    const { end } = order
    await Promise.all(shards.map((_, shard) => this.checkShard(shard, end[shard] ?? 0, patience)))
  }

  /**
   * @param place that has a position
   * @throws {StoreCorruptError} when the shard ends before it; then nothing is read or appended any more
   */
  async checkShard(shard: number, place: number, patience: Patience): Promise<void> {
    try {
      await this.#parts.shards[shard]?.source.checkIsStored(place, patience)
    } catch (error) {
      throw hasErrorCode(error, 'store-corrupt') ? this.#parts.order.stop(error as StoreCorruptError) : error
    }
  }
}

/** @returns the runs to read: so many places of the shards that are wanted, and what lies between them */
function nextRuns(runs: readonly OrderRun[], after: number, count: number, wanted: WantedShards): readonly WantedRun[] {
  const next: WantedRun[] = []
  let left = count
  for (const { shard, ...run } of runs) {
    const isWanted = wanted?.has(shard) ?? true
    if (isWanted && left === 0) break
    const begun = Math.max(0, after - run.position)
    const before = run.after + begun
    const to = isWanted ? Math.min(run.to, before + left) : run.to
    if (isWanted) left -= to - before
    next.push({ shard, after: before, to, position: run.position + begun, isWanted })
    if (to < run.to) break
  }
  return next
}
