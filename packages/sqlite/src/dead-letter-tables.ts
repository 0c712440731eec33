/** The dead letters of processors, and the records of those that were given up. */

import {
  checkDeadLetterList,
  checkDiscard,
  checkDiscardedLimit,
  type DeadLetterChange,
  type DeadLetterCounts,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DiscardedDeadLetter,
  type DiscardOptions,
  type ProgressStore,
} from '@cim/core'
import {
  type DeadLetterRow,
  type DiscardedRow,
  filterParameters,
  toDeadLetter,
  toDeadLetterRow,
  toDiscarded,
} from './dead-letter-row.ts'
import { type PreparedStatements, prepareForRecords } from './prepared-statements.ts'
import { deadLetterReadSql, deadLetterSql } from './progress-sql.ts'
import type { ViewDatabase } from './view-database.ts'

/** What changes something is to be called inside a transaction. */
export class DeadLetterTables {
  readonly #database: ViewDatabase
  readonly #write: PreparedStatements<typeof deadLetterSql>
  readonly #read: PreparedStatements<typeof deadLetterReadSql>

  constructor(database: ViewDatabase) {
    this.#database = database
    this.#write = prepareForRecords(database.writer, deadLetterSql)
    this.#read = prepareForRecords(database.reader, deadLetterReadSql)
  }

  /** Makes the changes of a step. */
  apply(processorName: string, changes: readonly DeadLetterChange[]): void {
    for (const change of changes) {
      if (change.kind === 'put') this.#write.put.run(...toDeadLetterRow(processorName, change.sequence))
      else this.#write.resolve.run(processorName, change.aggregate.aggregateType, change.aggregate.aggregateId)
    }
  }

  /** Deletes all of a processor. */
  clear(processorName: string): void {
    this.#write.clear.run(processorName)
  }

  /** Deletes what was given up of a processor. */
  clearDiscarded(processorName: string): void {
    this.#write.clearDiscarded.run(processorName)
  }

  /** @returns how many sequences are due now */
  retry(processorName: string, filter: DeadLetterFilter, now: number): number {
    const at = new Date(now).toISOString()
    return Number(this.#write.retry.run({ ...filterParameters(processorName, filter), at }).changes)
  }

  /** @returns how many sequences were given up */
  discard(processorName: string, filter: DeadLetterFilter, options: DiscardOptions): number {
    const { reason, discardedBy = null, isFirstOnly, now } = checkDiscard(options)
    const at = new Date(now).toISOString()
    const first = { isFirstOnly: isFirstOnly ? 1 : 0 }
    const parameters = filterParameters(processorName, filter)
    const recorded = this.#write.recordDiscarded.run({ ...parameters, ...first, reason, discardedBy, at })
    this.#write.discard.run({ ...parameters, ...first })
    if (isFirstOnly) this.#write.discardFirst.run({ ...parameters, at })
    return Number(recorded.changes)
  }

  list(processorName: string, options: Parameters<ProgressStore['listDeadLetters']>[1]): DeadLetterPage {
    const { filter, after, limit } = checkDeadLetterList(options)
    const parameters = { ...filterParameters(processorName, filter), after, limit: limit + 1 }
    const rows = this.#database.read(() => this.#read.list.all(parameters)) as unknown as DeadLetterRow[]
    const page = rows.slice(0, limit)
    return {
      sequences: page.map((row) => toDeadLetter(row, this.#database.path)),
      next: rows.length > limit ? String(page.at(-1)?.key) : undefined,
    }
  }

  count(processorName: string): DeadLetterCounts {
    const counts = { retryingSequences: 0, parkedSequences: 0, events: 0 }
    for (const row of this.#database.read(() => this.#read.count.all(processorName))) {
      const { state, sequences, events } = row as unknown as StateCount
      counts[state === 'parked' ? 'parkedSequences' : 'retryingSequences'] += sequences
      counts.events += events
    }
    return counts
  }

  listDiscarded(processorName: string, limit: number | undefined): readonly DiscardedDeadLetter[] {
    const checked = checkDiscardedLimit(limit)
    const rows = this.#database.read(() => this.#read.listDiscarded.all(processorName, checked))
    return rows.map((row) => toDiscarded(row as unknown as DiscardedRow, this.#database.path))
  }
}

interface StateCount {
  readonly state: string
  readonly sequences: number
  readonly events: number
}
