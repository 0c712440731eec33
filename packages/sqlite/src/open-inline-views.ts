/** Opens the in-line views of an event store: they have seen every event before the first append. */

import type { DatabaseSync } from 'node:sqlite'
import type { DomainEventEnvelope, ProjectionDefinition } from '@cim/core'
import type { EventLog } from './event-log.ts'
import { InlineViews } from './inline-views.ts'

/** Events that a new in-line view takes over in one transaction. */
const eventsPerCommit = 20_000

/** Makes the tables of in-line views, lets them catch up, and gives them to the log. */
export function openInlineViews(
  database: DatabaseSync,
  log: EventLog,
  projections: readonly ProjectionDefinition[],
): void {
  if (projections.length === 0) return
  const views = inTransaction(database, () => new InlineViews(database, log.path, projections))
  const { events: stored, position } = log
  for (let seen = views.checkpoint; seen < position; seen = views.checkpoint) {
    const events: DomainEventEnvelope[] = []
    for (const chunk of stored.rows.between(seen, position, eventsPerCommit)) {
      for (const row of chunk) events.push(stored.toEnvelope(stored.rows.whole(row)))
    }
    const reached = events.at(-1)?.position ?? position
    inTransaction(database, () => {
      views.project(events)
      views.flush(reached)
    })
    views.committed(reached)
  }
  log.inlineViews = views
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
