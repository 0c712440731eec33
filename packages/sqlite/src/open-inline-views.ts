/** Opens the in-line views of an event store: they have seen every event before the first append. */

import type { DatabaseSync } from 'node:sqlite'
import {
  type DomainEventEnvelope,
  hasErrorCode,
  InlineCatchUpError,
  type InlineProjectionError,
  type ProjectionDefinition,
  StoreCorruptError,
} from '@cim/core'
import type { EventLog } from './event-log.ts'
import type { RowChunks } from './event-rows.ts'
import { InlineViews } from './inline-views.ts'

/** Events that a new in-line view takes over in one transaction. */
const eventsPerCommit = 20_000

/**
 * Makes the tables of in-line views, lets them catch up, and gives them to the log.
 * @throws {InvalidDefinitionError} when one is given twice, or with other indexes than it was built with
 * @throws {InlineCatchUpError} when a handler fails on an event that is stored
 * @throws {StoreCorruptError} when an event that they need cannot be read, or one that they have seen is not there
 */
export function openInlineViews(
  database: DatabaseSync,
  log: EventLog,
  projections: readonly ProjectionDefinition[],
): void {
  if (projections.length === 0) return
  const views = inTransaction(database, () => new InlineViews(database, log.path, projections))
  views.assertNotBeyond(log.position)
  while (views.checkpoint < log.position) {
    const reached = inTransaction(database, () => {
      const last = takeOver(log, views)
      views.flush(last)
      return last
    })
    views.committed(reached)
  }
  log.inlineViews = views
}

/** One event at a time: however large they are, no more than some are in memory. @returns the position of the last one */
function takeOver(log: EventLog, views: InlineViews): number {
  const { rows } = log.events
  let last = views.checkpoint
  for (const chunk of readable(rows.between(last, log.position, eventsPerCommit))) {
    for (const row of chunk) {
      const event = orNeeded(() => log.events.toEnvelope(rows.whole(row)))
      // What is missing would be missing in the view for good: it must not be passed over.
      if (event.position !== last + 1) throw missing(log, last + 1)
      project(views, event)
      last = event.position
    }
  }
  if (last === views.checkpoint) throw missing(log, last + 1)
  return last
}

function* readable(chunks: RowChunks): RowChunks {
  const iterator = chunks[Symbol.iterator]()
  for (;;) {
    const next = orNeeded(() => iterator.next())
    if (next.done === true) return
    yield next.value
  }
}

/** @throws {StoreCorruptError} that says what else can be done, when something is damaged that must be read */
function orNeeded<TResult>(read: () => TResult): TResult {
  try {
    return read()
  } catch (error) {
    if (!hasErrorCode(error, 'store-corrupt')) throw error
    throw new StoreCorruptError(`${(error as Error).message} ${advice}`, { cause: error })
  }
}

const advice =
  'In-line views need it: what can be read is there when the event store is opened without in-line projections.'

function missing({ path }: EventLog, position: number): StoreCorruptError {
  return new StoreCorruptError(
    `SQLite file ${path}: the event at position ${position} is missing. Keep a copy of the file, and restore a backup. ${advice}`,
  )
}

function project(views: InlineViews, event: DomainEventEnvelope): void {
  try {
    views.project([event])
  } catch (error) {
    if (!hasErrorCode(error, 'inline-projection')) throw error
    const { view, cause } = error as InlineProjectionError
    throw new InlineCatchUpError(view, event, { cause })
  }
}

function inTransaction<TResult>(database: DatabaseSync, work: () => TResult): TResult {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
