/**
 * Reads rows of the log.
 *
 * Some hundred rows are fetched with one call, which is much faster than one at a time. So that this never takes much
 * memory, such a call leaves out data of more than 16 KiB; what was left out is fetched when its row's turn comes.
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { EventRow } from './event-row.ts'
import { type PreparedStatements, prepareStatements } from './prepared-statements.ts'
import { rowsSql } from './sql.ts'

/** With up to 16 KiB each, 8 MiB at most. */
const rowsPerCall = 512

/** A row, possibly without its data. */
type FetchedRow = readonly [...columns: unknown[], data: string | null]

/** Gives rows one by one, in order; whoever has enough just stops. */
export class EventRows {
  readonly #statements: PreparedStatements<typeof rowsSql>

  constructor(database: DatabaseSync) {
    this.#statements = prepareStatements(database, rowsSql)
  }

  /** Rows after a position and up to another. */
  between(position: number, toPosition: number, limit: number): Generator<EventRow> {
    const { selectBetween } = this.#statements
    return this.#follow(position, limit, (after, count) => fetch(selectBetween, after, toPosition, count))
  }

  /** Rows of some types, given as a JSON array of keys, after a position and up to another. */
  ofTypesBetween(eventTypes: string, position: number, toPosition: number, limit: number): Generator<EventRow> {
    const { selectOfTypesBetween } = this.#statements
    return this.#follow(position, limit, (after, count) =>
      fetch(selectOfTypesBetween, after, toPosition, eventTypes, count),
    )
  }

  /** Those of the rows at rising positions that exist. */
  *at(positions: readonly number[]): Generator<EventRow> {
    for (let start = 0; start < positions.length; start += rowsPerCall) {
      for (const row of fetch(this.#statements.selectAt, toJson(positions, start))) yield this.#whole(row)
    }
  }

  /** Those of the rows at rising positions that are of some types, given as a JSON array of keys. */
  *ofTypesAt(eventTypes: string, positions: readonly number[]): Generator<EventRow> {
    for (let start = 0; start < positions.length; start += rowsPerCall) {
      for (const row of fetch(this.#statements.selectOfTypesAt, toJson(positions, start), eventTypes))
        yield this.#whole(row)
    }
  }

  /** Rows that the index's table knows of an aggregate, from one sequence to another. */
  *ofAggregate(aggregate: number, fromSequence: number, toSequence: number): Generator<EventRow> {
    for (let from = fromSequence; from <= toSequence; from += rowsPerCall) {
      const to = Math.min(toSequence, from + rowsPerCall - 1)
      for (const row of fetch(this.#statements.selectOfAggregate, aggregate, from, to)) yield this.#whole(row)
    }
  }

  *#follow(
    position: number,
    limit: number,
    fetchAfter: (position: number, count: number) => readonly FetchedRow[],
  ): Generator<EventRow> {
    let after = position
    for (let left = limit; left > 0; left -= rowsPerCall) {
      const count = Math.min(left, rowsPerCall)
      const rows = fetchAfter(after, count)
      for (const row of rows) yield this.#whole(row)
      if (rows.length < count) return
      after = rows.at(-1)?.[0] as number
    }
  }

  #whole(row: FetchedRow): EventRow {
    if (row[14] !== null) return row as EventRow
    const [data] = this.#statements.selectData.get(row[0] as number) as unknown as readonly [string]
    return [...row.slice(0, 14), data] as unknown as EventRow
  }
}

function fetch(statement: StatementSync, ...parameters: readonly SQLInputValue[]): readonly FetchedRow[] {
  return statement.all(...parameters) as unknown as readonly FetchedRow[]
}

function toJson(positions: readonly number[], start: number): string {
  return JSON.stringify(positions.slice(start, start + rowsPerCall))
}
