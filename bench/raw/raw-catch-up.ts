/** The ceiling of a catch-up: a loop that reads events, changes documents and writes them with their index entries. */

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { changeDocument, type PersonDocument, type PersonEvent, personIndexes } from '../domain/person-view.ts'

/** How much is read and written at a time. */
export interface BatchOptions {
  /** Events in one read. */
  readonly batchSize: number
  /** Events between two checkpoints: each document is read and written once for them. */
  readonly eventsPerCheckpoint: number
}

type Row = readonly [position: number, aggregate: number, eventType: number, recordedAt: number, data: string]

const selectEvents =
  'SELECT position, aggregate, event_type, recorded_at, data FROM events WHERE position > ? ORDER BY position LIMIT ?'
const viewTables = `
  CREATE TABLE checkpoint (position INTEGER NOT NULL) STRICT;
  INSERT INTO checkpoint VALUES (0);
  CREATE TABLE documents (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE entries (
    index_key INTEGER NOT NULL, value ANY NOT NULL, id TEXT NOT NULL, PRIMARY KEY (index_key, value, id)
  ) STRICT, WITHOUT ROWID`
const upsertDocument = 'INSERT INTO documents VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document'

/**
 * Builds the view in a new file, from a file that the event store has written and that no store has open. The tables and
 * the documents are those of the view store; all documents stay in memory, so that none is ever read. Checks nothing, and
 * knows that each index has one value for a document.
 * @returns how many events were processed
 */
export function catchUpRaw(
  storePath: string,
  viewPath: string,
  { batchSize, eventsPerCheckpoint }: BatchOptions,
): number {
  using log = new DatabaseSync(storePath, { readOnly: true })
  using views = new DatabaseSync(viewPath)
  views.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; ${viewTables}`)
  const view = new RawView(views)
  const select = prepareArrays(log, selectEvents)
  const toEvent = createReader(log)
  let position = 0
  for (let unsaved = 0; ; ) {
    const rows = select.all(position, batchSize) as unknown as readonly Row[]
    for (const row of rows) view.apply(toEvent(row))
    position = rows.at(-1)?.[0] ?? position
    unsaved += rows.length
    if (unsaved < eventsPerCheckpoint && rows.length === batchSize) continue
    view.save(position)
    unsaved = 0
    if (rows.length < batchSize) return position
  }
}

/** @returns a function that makes an event of a row */
function createReader(log: DatabaseSync): (row: Row) => PersonEvent {
  const eventTypes = new Map(prepareArrays(log, 'SELECT key, name FROM event_types').all() as never)
  const ids = new Map(prepareArrays(log, 'SELECT key, id FROM aggregates').all() as never)
  let [newest, timestamp] = [0, '']
  return ([, aggregate, eventType, recordedAt, data]) => {
    if (recordedAt !== newest) [newest, timestamp] = [recordedAt, new Date(recordedAt).toISOString()]
    const event = { aggregateId: ids.get(aggregate), eventType: eventTypes.get(eventType), timestamp }
    return { ...event, data: JSON.parse(data) as unknown } as PersonEvent
  }
}

class RawView {
  readonly #documents = new Map<string, PersonDocument>()
  readonly #saved = new Map<string, PersonDocument>()
  readonly #changed = new Set<string>()
  readonly #database: DatabaseSync
  readonly #upsertDocument: StatementSync
  readonly #insertEntry: StatementSync
  readonly #deleteEntry: StatementSync
  readonly #saveCheckpoint: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#upsertDocument = database.prepare(upsertDocument)
    this.#insertEntry = database.prepare('INSERT INTO entries VALUES (?, ?, ?)')
    this.#deleteEntry = database.prepare('DELETE FROM entries WHERE index_key = ? AND value = ? AND id = ?')
    this.#saveCheckpoint = database.prepare('UPDATE checkpoint SET position = ?')
  }

  apply(event: PersonEvent): void {
    const document = changeDocument(this.#documents.get(event.aggregateId), event)
    if (document === undefined) return
    this.#documents.set(event.aggregateId, document)
    this.#changed.add(event.aggregateId)
  }

  save(position: number): void {
    this.#database.exec('BEGIN IMMEDIATE')
    for (const id of this.#changed) {
      const [before, after] = [this.#saved.get(id), this.#documents.get(id)]
      if (after === undefined) continue
      this.#upsertDocument.run(id, JSON.stringify(after))
      for (const [key, indexedValue] of indexes.entries()) {
        const [was, is] = [before && indexedValue(before), indexedValue(after)]
        if (was === is) continue
        if (was !== undefined) this.#deleteEntry.run(key, was, id)
        if (is !== undefined) this.#insertEntry.run(key, is, id)
      }
      this.#saved.set(id, after)
    }
    this.#saveCheckpoint.run(position)
    this.#database.exec('COMMIT')
    this.#changed.clear()
  }
}

const indexes = Object.values(personIndexes)

function prepareArrays(database: DatabaseSync, sql: string) {
  const statement = database.prepare(sql)
  statement.setReturnArrays(true)
  return statement
}
