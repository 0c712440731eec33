/** Reads events back: rows of the log with the names that belong to their numbers. */

import type { DatabaseSync } from 'node:sqlite'
import {
  type AggregateRef,
  createIsoFormatter,
  type DomainEventEnvelope,
  type LoadEventsOptions,
  StoreCorruptError,
} from '@cim/core'
import type { AggregateHead, AggregateKeys } from './aggregate-keys.ts'
import type { EventPortion } from './event-portion.ts'
import { toEnvelope } from './event-row.ts'
import { EventRows, type FetchedRow, type RowChunks } from './event-rows.ts'
import type { InternedNames } from './interned-names.ts'
import type { LogIndex } from './log-index.ts'
import type { EventRow } from './row-checksum.ts'

/** Events of one aggregate. */
interface AggregateRange {
  readonly head: AggregateHead
  readonly from: number
  readonly to: number
  /** What is up to this sequence is found through the index's table. */
  readonly storedTo: number
  /** Where the others are. */
  readonly positions: readonly number[]
}

/** Works on the connection of the store that it belongs to. */
export class StoredEvents {
  readonly rows: EventRows
  readonly #names: InternedNames
  readonly #aggregates: AggregateKeys
  readonly #index: LogIndex
  readonly #path: string
  readonly #toIso: (time: number) => string = createIsoFormatter()

  constructor(database: DatabaseSync, names: InternedNames, aggregates: AggregateKeys, index: LogIndex, path: string) {
    this.rows = new EventRows(database, path)
    this.#names = names
    this.#aggregates = aggregates
    this.#index = index
    this.#path = path
  }

  /**
   * Loads events of one aggregate by sequence.
   * @param mostText about how many characters of data to take; the first events only when there are more
   */
  load(
    aggregate: AggregateRef,
    options: LoadEventsOptions = {},
    mostText: number = Number.POSITIVE_INFINITY,
  ): readonly DomainEventEnvelope[] {
    const range = this.#rangeOf(aggregate, options)
    if (range === undefined) return []
    const rows: EventRow[] = []
    let textLeft = mostText
    for (const chunk of this.#chunksOf(range)) {
      for (const fetched of chunk) {
        if (textLeft <= 0) break
        const row = this.rows.whole(fetched)
        rows.push(row)
        textLeft -= row[6].length
      }
      if (textLeft <= 0) break
    }
    const { head, from, to } = range
    this.#checkSequences(aggregate, head, rows, from, textLeft > 0 ? to : from + rows.length - 1)
    return rows.map((row) => this.toEnvelope(row))
  }

  /** @returns which sequences are meant, and where they are: up to `storedTo` in the index's table, then at positions */
  #rangeOf(aggregate: AggregateRef, options: LoadEventsOptions): AggregateRange | undefined {
    const head = this.#aggregates.find(aggregate)
    const from = Math.max(1, options.fromVersion ?? 1)
    if (head === undefined || from > head.version) return undefined
    const to = Math.min(options.toVersion ?? head.version, head.version, from + (options.limit ?? head.version) - 1)
    const { firstSequence, positions } = this.#index.tailOf(head.key, from, to)
    return { head, from, to, storedTo: Math.min(to, firstSequence - 1), positions }
  }

  *#chunksOf({ head, from, storedTo, positions }: AggregateRange): RowChunks {
    yield* this.rows.ofAggregate(head.key, from, storedTo)
    yield* this.rows.at(positions)
  }

  #checkSequences(
    aggregate: AggregateRef,
    head: AggregateHead,
    rows: readonly EventRow[],
    from: number,
    to: number,
  ): void {
    const isWhole =
      rows.length === Math.max(0, to - from + 1) &&
      rows.every((row, offset) => row[2] === from + offset && row[1] === head.key)
    if (isWhole) return
    throw new StoreCorruptError(
      `SQLite file ${this.#path}: ${aggregate.aggregateType} ${JSON.stringify(aggregate.aggregateId)} has version ${head.version}, but its events ` +
        `${from} to ${to} are not all there. Keep a copy of the file, and restore a backup.`,
    )
  }

  /**
   * @returns events at these positions, in order
   * @throws {StoreCorruptError} when there is none at one of them
   */
  readAt(positions: readonly number[]): readonly DomainEventEnvelope[] {
    const events: DomainEventEnvelope[] = []
    for (const chunk of this.rows.at(positions)) {
      for (const row of chunk) events.push(this.toEnvelope(this.rows.whole(row)))
    }
    return events
  }

  /**
   * Takes over rows, one at a time, so that of large ones only what is wanted comes into memory.
   * @param isWanted decides about a row before it is parsed; every row when left out
   * @returns true when the portion is full and there is at least one more row that is wanted
   */
  fill(portion: EventPortion, chunks: RowChunks, isWanted?: (row: FetchedRow) => boolean): boolean {
    for (const chunk of chunks) {
      for (const fetched of chunk) {
        if (isWanted?.(fetched) === false) continue
        if (portion.isFull) return true
        const row = this.rows.whole(fetched)
        portion.add(this.toEnvelope(row), row[6].length)
      }
    }
    return false
  }

  /** @throws {StoreCorruptError} when the row is not what was written, or belongs to nothing that is known */
  toEnvelope(row: EventRow): DomainEventEnvelope {
    const names = this.#names.eventType(row[3])
    const aggregateId = this.#aggregates.idOf(row[1])
    if (names === undefined || aggregateId === undefined) {
      throw new StoreCorruptError(
        `SQLite file ${this.#path}: the event at position ${row[0]} (sequence ${row[2]}) has ` +
          `${names === undefined ? 'a type' : 'an aggregate'} that is not stored. Keep a copy of the file, and restore a backup.`,
      )
    }
    const { aggregateType, eventType } = names
    return toEnvelope(row, { aggregateType, aggregateId, eventType, timestamp: this.#toIso(row[4]) }, this.#path)
  }
}
