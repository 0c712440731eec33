/**
 * Reads rows of the log.
 *
 * Some hundred rows are fetched with one call, which is much faster than one at a time. So that this never takes much
 * memory, such a call leaves out data of more than 16 KiB; {@link EventRows.whole} fetches what was left out, when its
 * row's turn comes.
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { StoreCorruptError } from '@cim/core'
import { type PreparedStatements, prepareStatements } from './prepared-statements.ts'
import type { EventRow } from './row-checksum.ts'
import { rowsSql } from './sql.ts'

/** With up to 16 KiB each, 8 MiB at most. */
const rowsPerCall = 512

/** A row, possibly without its data. */
export type FetchedRow = readonly [...columns: EventColumns, data: string | null]

type EventColumns = EventRow extends readonly [...infer TColumns, string] ? TColumns : never

/** Rows in order, as many as one call fetches at a time. Whoever has enough just stops. */
export type RowChunks = Iterable<readonly FetchedRow[]>

/** @returns what to throw when there is no event where an index says that there is one */
export function missingEvent(path: string, position: number): StoreCorruptError {
  return new StoreCorruptError(
    `SQLite file ${path}: an index names an event at position ${position}, which is not there. Keep a copy of the file, and restore a backup.`,
  )
}

/** Positions have no gaps: a row that is not there was lost with a part of the file. */
function lostEvent(path: string, position: number): StoreCorruptError {
  return new StoreCorruptError(
    `SQLite file ${path}: the event at position ${position} cannot be read. Keep a copy of the file, and restore a backup.`,
  )
}

/** Gives rows in chunks: going through them one by one must cost nothing. */
export class EventRows {
  readonly #statements: PreparedStatements<typeof rowsSql>
  readonly #path: string

  constructor(database: DatabaseSync, path: string) {
    this.#statements = prepareStatements(database, rowsSql)
    this.#path = path
  }

  /**
   * Rows after a position and up to another, which the log has.
   * @throws {StoreCorruptError} when one of them is missing
   */
  between(position: number, toPosition: number, limit: number): RowChunks {
    const { selectBetween } = this.#statements
    return follow(position, limit, (after, count) => {
      const rows = fetch(selectBetween, after, toPosition, count)
      const expected = Math.min(count, Math.max(0, toPosition - after))
      if (rows.length === expected && (rows.at(-1)?.[0] ?? after) === after + expected) return rows
      const found = rows.findIndex((row, index) => row[0] !== after + 1 + index)
      throw lostEvent(this.#path, after + 1 + (found < 0 ? rows.length : found))
    })
  }

  /** As {@link between}, whatever is missing. */
  leftBetween(position: number, toPosition: number, limit: number): RowChunks {
    const { selectBetween } = this.#statements
    return follow(position, limit, (after, count) => fetch(selectBetween, after, toPosition, count))
  }

  /** Rows of some types, given as a JSON array of keys, after a position and up to another. */
  ofTypesBetween(eventTypes: string, position: number, toPosition: number, limit: number): RowChunks {
    const { selectOfTypesBetween } = this.#statements
    return follow(position, limit, (after, count) => fetch(selectOfTypesBetween, after, toPosition, eventTypes, count))
  }

  /**
   * Rows at rising positions.
   * @throws {StoreCorruptError} when there is none at one of them
   */
  *at(positions: readonly number[]): RowChunks {
    for (let start = 0; start < positions.length; start += rowsPerCall) {
      const rows = fetch(this.#statements.selectAt, toJson(positions, start))
      if (rows.length < Math.min(rowsPerCall, positions.length - start)) {
        const missing = positions.slice(start).find((position, index) => rows[index]?.[0] !== position)
        throw missingEvent(this.#path, missing ?? 0)
      }
      yield rows
    }
  }

  /** Those of the rows at rising positions that are of some types, given as a JSON array of keys. */
  *ofTypesAt(eventTypes: string, positions: readonly number[]): RowChunks {
    for (let start = 0; start < positions.length; start += rowsPerCall) {
      yield fetch(this.#statements.selectOfTypesAt, toJson(positions, start), eventTypes)
    }
  }

  /** Rows that the index's table knows of an aggregate, from one sequence to another. */
  *ofAggregate(aggregate: number, fromSequence: number, toSequence: number): RowChunks {
    for (let from = fromSequence; from <= toSequence; from += rowsPerCall) {
      const to = Math.min(toSequence, from + rowsPerCall - 1)
      yield fetch(this.#statements.selectOfAggregate, aggregate, from, to)
    }
  }

  /**
   * @returns the row with its data
   * @throws {StoreCorruptError} when what should be text is none
   */
  whole(row: FetchedRow): EventRow {
    if (typeof row[5] === 'string') {
      if (typeof row[6] === 'string') return row as EventRow
      const [data] = (this.#statements.selectData.get(row[0]) ?? []) as readonly unknown[]
      if (typeof data === 'string') return [row[0], row[1], row[2], row[3], row[4], row[5], data]
    }
    throw lostEvent(this.#path, row[0])
  }
}

function* follow(
  position: number,
  limit: number,
  fetchAfter: (position: number, count: number) => readonly FetchedRow[],
): RowChunks {
  let after = position
  for (let left = limit; left > 0; left -= rowsPerCall) {
    const count = Math.min(left, rowsPerCall)
    const rows = fetchAfter(after, count)
    yield rows
    if (rows.length < count) return
    after = rows.at(-1)?.[0] ?? after
  }
}

function fetch(statement: StatementSync, ...parameters: readonly SQLInputValue[]): readonly FetchedRow[] {
  return statement.all(...parameters) as unknown as readonly FetchedRow[]
}

function toJson(positions: readonly number[], start: number): string {
  return JSON.stringify(positions.slice(start, start + rowsPerCall))
}
