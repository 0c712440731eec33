/** The ceiling of a catch-up: a loop that reads events, changes documents and writes them with their index entries. */

import { DatabaseSync } from 'node:sqlite'
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
 * the documents are those of the view store. Checks nothing, and knows that each index has one value for a document.
 * @returns how many events were processed
 */
export function catchUpRaw(storePath: string, viewPath: string, options: BatchOptions): number {
  using log = new DatabaseSync(storePath, { readOnly: true })
  using views = new DatabaseSync(viewPath)
  views.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; ${viewTables}`)
  const readDocument = prepareArrays(views, 'SELECT document FROM documents WHERE id = ?')
  const writeDocument = views.prepare(upsertDocument)
  const insertEntry = views.prepare('INSERT INTO entries VALUES (?, ?, ?)')
  const deleteEntry = views.prepare('DELETE FROM entries WHERE index_key = ? AND value = ? AND id = ?')
  const saveCheckpoint = views.prepare('UPDATE checkpoint SET position = ?')
  const indexes = Object.values(personIndexes)
  const events = new EventReader(log)

  for (let position = 0; ; ) {
    const before = new Map<string, PersonDocument | undefined>()
    const after = new Map<string, PersonDocument | undefined>()
    let count = 0
    for (const event of events.read(position, options)) {
      const { aggregateId: id } = event
      if (!before.has(id)) {
        const row = readDocument.get(id) as unknown as readonly [string] | undefined
        const document = row === undefined ? undefined : (JSON.parse(row[0]) as PersonDocument)
        before.set(id, document)
        after.set(id, document)
      }
      after.set(id, changeDocument(after.get(id), event))
      position = event.position
      count++
    }
    if (count === 0) return position
    views.exec('BEGIN IMMEDIATE')
    for (const [id, document] of after) {
      if (document === undefined) continue
      writeDocument.run(id, JSON.stringify(document))
      const former = before.get(id)
      for (const [key, indexedValue] of indexes.entries()) {
        const [was, is] = [former && indexedValue(former), indexedValue(document)]
        if (was === is) continue
        if (was !== undefined) deleteEntry.run(key, was, id)
        if (is !== undefined) insertEntry.run(key, is, id)
      }
    }
    saveCheckpoint.run(position)
    views.exec('COMMIT')
  }
}

class EventReader {
  readonly #select
  readonly #eventTypes: ReadonlyMap<number, PersonEvent['eventType']>
  readonly #ids: ReadonlyMap<number, string>

  constructor(log: DatabaseSync) {
    this.#select = prepareArrays(log, selectEvents)
    this.#eventTypes = new Map(prepareArrays(log, 'SELECT key, name FROM event_types').all() as never)
    this.#ids = new Map(prepareArrays(log, 'SELECT key, id FROM aggregates').all() as never)
  }

  /** @returns the events after a position, up to the next checkpoint */
  *read(
    afterPosition: number,
    { batchSize, eventsPerCheckpoint }: BatchOptions,
  ): Generator<PersonEvent & { position: number }> {
    let after = afterPosition
    for (let count = 0; count < eventsPerCheckpoint; count += batchSize) {
      const rows = this.#select.all(after, batchSize) as unknown as readonly Row[]
      for (const [position, aggregate, eventType, recordedAt, data] of rows) {
        after = position
        yield {
          position,
          aggregateId: (this.#ids.get(aggregate) ?? '') as PersonEvent['aggregateId'],
          eventType: this.#eventTypes.get(eventType) ?? 'NoteAdded',
          data: JSON.parse(data) as PersonEvent['data'],
          timestamp: new Date(recordedAt).toISOString(),
        }
      }
      if (rows.length < batchSize) return
    }
  }
}

function prepareArrays(database: DatabaseSync, sql: string) {
  const statement = database.prepare(sql)
  statement.setReturnArrays(true)
  return statement
}
