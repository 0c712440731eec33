/**
 * Indexes behind the log.
 *
 * Writing an index entry with each event dirties a page of its own for every aggregate and every command id, and groups
 * of appends slow down several times as the store grows. So new entries stay in memory, are sorted, and move into the
 * tables in slices that ride along with later commits, many entries to a page. Nothing is lost in a crash: what the
 * tables lack is read again from the end of the log when the store opens.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { BulkStatement } from './bulk-statement.ts'
import { PositionLists } from './position-lists.ts'
import { type PreparedStatements, prepareStatements } from './prepared-statements.ts'
import { indexEntriesSql, indexSql } from './sql.ts'

/** What is indexed of one event. */
export interface IndexEntry {
  readonly position: number
  /** Key of the aggregate. */
  readonly aggregate: number
  readonly sequence: number
  /** Key of the aggregate type. */
  readonly aggregateType: number
  /** Hashes of the correlation id and the command id; 0 for none. The second is 0 when both are the same. */
  readonly causes: readonly [number, number]
}

/** Part of an aggregate's events: sequences from `firstSequence` on, without gaps. */
interface Stretch {
  readonly firstSequence: number
  readonly positions: number[]
}

/** Entries in memory. */
class Run {
  count = 0
  lastPosition = 0
  readonly stretches = new Map<number, Stretch>()
  readonly causes = new PositionLists()
  readonly types = new Map<number, number[]>()

  add(entry: IndexEntry): void {
    const { position, aggregate, sequence, aggregateType, causes } = entry
    this.count++
    this.lastPosition = position
    const stretch = this.stretches.get(aggregate)
    if (stretch === undefined) this.stretches.set(aggregate, { firstSequence: sequence, positions: [position] })
    else stretch.positions.push(position)
    const ofType = this.types.get(aggregateType)
    if (ofType === undefined) this.types.set(aggregateType, [position])
    else ofType.push(position)
    if (causes[0] !== 0) this.causes.add(causes[0], position)
    if (causes[1] !== 0) this.causes.add(causes[1], position)
  }
}

function sortedKeys(map: ReadonlyMap<number, unknown>): Float64Array {
  const keys = new Float64Array(map.size)
  let count = 0
  for (const key of map.keys()) keys[count++] = key
  return keys.sort()
}

/** When entries move from memory into the tables, and how fast. */
export interface IndexPace {
  /** Entries wait in memory until there are a sixteenth of the stored ones, but no fewer than this many events' ... */
  readonly shortestRun: number
  /** ... and no more. */
  readonly longestRun: number
  /** How many entries move with each commit, besides eight for each new event. */
  readonly entriesPerCommit: number
  /** How many entries are written with one statement. */
  readonly rowsPerInsert: number
}

const defaultPace: IndexPace = { shortestRun: 32_768, longestRun: 131_072, entriesPerCommit: 32, rowsPerInsert: 32 }

/** Finds events by aggregate, by cause and by type, in memory and in the tables. */
export class LogIndex {
  readonly #statements: PreparedStatements<typeof indexSql>
  readonly #pace: IndexPace
  readonly #inserts: Readonly<Record<keyof typeof indexEntriesSql, BulkStatement>>
  #indexedPosition = 0
  #active = new Run()
  #frozen: Run | undefined
  #merge: Generator<number> | undefined

  constructor(database: DatabaseSync, pace: IndexPace = defaultPace) {
    this.#pace = pace
    this.#statements = prepareStatements(database, indexSql)
    this.#inserts = {
      aggregateEntries: new BulkStatement(database, indexEntriesSql.aggregateEntries, pace.rowsPerInsert),
      causeEntries: new BulkStatement(database, indexEntriesSql.causeEntries, pace.rowsPerInsert),
      typeEntries: new BulkStatement(database, indexEntriesSql.typeEntries, pace.rowsPerInsert),
    }
  }

  /** Everything up to this position is in the tables. */
  get indexedPosition(): number {
    return this.#indexedPosition
  }

  /** Forgets what is in memory and takes over the given entries: those after the indexed position, in order. */
  reload(indexedPosition: number, entries: Iterable<IndexEntry>): void {
    this.#indexedPosition = indexedPosition
    this.#active = new Run()
    this.#frozen = undefined
    this.#merge = undefined
    for (const insert of Object.values(this.#inserts)) insert.clear()
    for (const entry of entries) this.#active.add(entry)
  }

  /** Takes an entry for an event that is being written. If its transaction fails, call {@link reload}. */
  add(entry: IndexEntry): void {
    this.#active.add(entry)
  }

  /**
   * Moves some entries into the tables, inside the caller's transaction. Moves several times as many as came since, so
   * that a run is in the tables long before the next one is full.
   * @param newEvents how many events the transaction writes
   */
  mergeSome(newEvents: number): void {
    const { shortestRun, longestRun, entriesPerCommit } = this.#pace
    if (this.#merge === undefined) {
      const length = Math.min(Math.max(this.#active.lastPosition / 16, shortestRun), longestRun)
      if (this.#active.count < length) return
      this.#frozen = this.#active
      this.#active = new Run()
      this.#merge = this.#mergeRun(this.#frozen)
    }
    for (let budget = entriesPerCommit + 8 * newEvents; budget > 0; ) {
      const step = this.#merge.next()
      if (step.done !== true) {
        budget -= step.value
        continue
      }
      this.#indexedPosition = this.#frozen?.lastPosition ?? this.#indexedPosition
      this.#frozen = undefined
      this.#merge = undefined
      return
    }
  }

  /** Writes in the order of the tables. Each step gives how many rows it wrote. */
  *#mergeRun(run: Run): Generator<number> {
    const { aggregateEntries, causeEntries, typeEntries } = this.#inserts
    for (const aggregate of sortedKeys(run.stretches)) {
      const { firstSequence, positions } = run.stretches.get(aggregate) ?? { firstSequence: 0, positions: [] }
      for (let offset = 0; offset < positions.length; offset++) {
        const written = aggregateEntries.add(aggregate, firstSequence + offset, positions[offset] ?? 0)
        if (written > 0) yield written
      }
    }
    for (const hash of run.causes.sortedKeys()) {
      for (const position of run.causes.get(hash)) {
        const written = causeEntries.add(hash, position)
        if (written > 0) yield written
      }
    }
    for (const aggregateType of sortedKeys(run.types)) {
      for (const position of run.types.get(aggregateType) ?? []) {
        const written = typeEntries.add(aggregateType, position)
        if (written > 0) yield written
      }
    }
    for (const insert of Object.values(this.#inserts)) insert.flush()
    this.#statements.setIndexedPosition.run(run.lastPosition)
  }

  /** @returns sequence of the aggregate's newest event, 0 when it has none */
  versionOf(aggregate: number): number {
    const stretch = this.#active.stretches.get(aggregate) ?? this.#frozen?.stretches.get(aggregate)
    if (stretch !== undefined) return stretch.firstSequence + stretch.positions.length - 1
    const row = this.#statements.selectVersion.get(aggregate) as readonly [number | null] | undefined
    return row?.[0] ?? 0
  }

  /**
   * @returns the first sequence that is in memory (beyond every sequence when none is), and the positions of those in
   *   memory from one sequence to another. What comes before the first is in the tables.
   */
  tailOf(
    aggregate: number,
    fromSequence: number,
    toSequence: number,
  ): { readonly firstSequence: number; readonly positions: readonly number[] } {
    let first: number | undefined
    let wanted: readonly number[] = []
    for (const run of [this.#frozen, this.#active]) {
      const stretch = run?.stretches.get(aggregate)
      if (stretch === undefined) continue
      const { firstSequence, positions } = stretch
      first ??= firstSequence
      const slice = positions.slice(
        Math.max(0, fromSequence - firstSequence),
        Math.max(0, toSequence - firstSequence + 1),
      )
      wanted = wanted.length === 0 ? slice : wanted.concat(slice)
    }
    return { firstSequence: first ?? Number.MAX_SAFE_INTEGER, positions: wanted }
  }

  /** @returns where an aggregate's event of this sequence is, undefined when the index does not know it */
  positionOf(aggregate: number, sequence: number): number | undefined {
    const { firstSequence, positions } = this.tailOf(aggregate, sequence, sequence)
    if (sequence >= firstSequence) return positions[0]
    const row = this.#statements.selectPosition.get(aggregate, sequence) as readonly [number] | undefined
    return row?.[0]
  }

  /**
   * @param hash of a correlation id or a command id
   * @returns positions of the events that may have it, rising: compare the ids themselves
   */
  positionsOfCause(hash: number, afterPosition: number, limit: number): readonly number[] {
    const rows = this.#select(this.#statements.selectCausePositions, hash, afterPosition, limit)
    return this.#withTail(rows, (run) => run.causes.get(hash), afterPosition, limit)
  }

  /** @returns positions of events of an aggregate type, rising */
  positionsOfType(aggregateType: number, afterPosition: number, limit: number): readonly number[] {
    const rows = this.#select(this.#statements.selectTypePositions, aggregateType, afterPosition, limit)
    return this.#withTail(rows, (run) => run.types.get(aggregateType) ?? [], afterPosition, limit)
  }

  #select(statement: StatementSync, key: number, afterPosition: number, limit: number): readonly [number][] {
    if (afterPosition >= this.#indexedPosition) return []
    return statement.all(key, afterPosition, this.#indexedPosition, limit) as unknown as readonly [number][]
  }

  #withTail(
    rows: readonly [number][],
    listIn: (run: Run) => readonly number[],
    afterPosition: number,
    limit: number,
  ): readonly number[] {
    const positions = rows.map(([position]) => position)
    for (const run of [this.#frozen, this.#active]) {
      if (run === undefined || positions.length >= limit) continue
      const list = listIn(run)
      const start = firstAfter(list, afterPosition)
      positions.push(...list.slice(start, start + limit - positions.length))
    }
    return positions
  }
}

/** @returns the place of the first number that is greater, in a rising list */
function firstAfter(list: readonly number[], position: number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((list[middle] ?? 0) > position) high = middle
    else low = middle + 1
  }
  return low
}
