/** The two tables of one view: its documents, and the index entries that find them. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ViewDefinition } from '@cim/core'
import { ViewChanges } from './view-changes.ts'

/** A view's tables. */
export interface ViewTables {
  /** Row of `views`. */
  readonly key: number
  /** Each index's number in the entries table. */
  readonly indexKeys: ReadonlyMap<string, number>
  readonly read: ReadStatements
  /** Of the connection that writes. */
  readonly updateCheckpoint: StatementSync
  readonly changes: ViewChanges
  /** The name of the documents table, for plain SQL. */
  readonly documentsTable: string
  /** The name of the entries table, for plain SQL. */
  readonly entriesTable: string
}

/** Statements of the connection that reads, which sees what is committed and nothing else. */
export interface ReadStatements {
  readonly selectCheckpoint: StatementSync
  readonly selectDocument: StatementSync
  readonly listDocuments: StatementSync
  readonly listDocumentsAfter: StatementSync
  readonly countDocuments: StatementSync
  readonly countEntries: StatementSync
  readonly countAllEntries: StatementSync
}

const selectView = 'SELECT key, indexes, documents_table FROM views WHERE name = ? AND version = ? AND build = ?'
const insertView = `INSERT INTO views (name, version, build, indexes, documents_table, checkpoint, state)
  VALUES (?, ?, ?, ?, ?, 0, 'building') RETURNING key, indexes, documents_table`
const selectNextKey = "SELECT coalesce(max(seq), 0) + 1 AS next FROM sqlite_sequence WHERE name = 'views'"
// SQLite compares table names without regard to case, and keeps names that begin with sqlite_ for itself.
const isNameTaken = `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE) OR ?1 LIKE 'sqlite\\_%' ESCAPE '\\' AS taken`

interface ViewRecord {
  readonly key: number
  /** JSON array of names. */
  readonly indexes: string
  readonly documents_table: string
}

/** A view that has tables. */
export interface KnownView {
  readonly key: number
  /** In the order of their keys. */
  readonly indexes: readonly string[]
  readonly documentsTable: string
}

/**
 * Inside a transaction: finds a view's tables, or makes them.
 * @returns `other-indexes` when the view was made with other indexes under the same version
 */
export function findOrMakeView(writer: DatabaseSync, view: ViewDefinition): KnownView | 'other-indexes' {
  const indexes = JSON.stringify(Object.keys(view.indexes).sort())
  const known = writer.prepare(selectView).get(view.viewName, view.version, view.build ?? 1)
  const row = (known ?? createView(writer, view, indexes)) as unknown as ViewRecord
  if (row.indexes !== indexes) return 'other-indexes'
  const names = JSON.parse(row.indexes) as readonly string[]
  return { key: row.key, indexes: names, documentsTable: row.documents_table }
}

/** Prepares what is done with a view's tables, on a connection that writes and on another that reads the same file. */
export function prepareViewTables(
  writer: DatabaseSync,
  reader: DatabaseSync,
  view: ViewDefinition,
  { key, indexes, documentsTable }: KnownView,
): ViewTables {
  const entriesTable = `${documentsTable}_index`
  const indexKeys = new Map(indexes.map((name, index) => [name, index]))
  return {
    key,
    indexKeys,
    read: prepareRead(reader, documentsTable, entriesTable),
    updateCheckpoint: writer.prepare('UPDATE views SET checkpoint = ? WHERE key = ? AND checkpoint = ?'),
    changes: new ViewChanges(writer, view, documentsTable, entriesTable, indexKeys),
    documentsTable,
    entriesTable,
  }
}

function createView(writer: DatabaseSync, view: ViewDefinition, indexes: string): unknown {
  const { viewName, version, build = 1 } = view
  const wanted = `${viewName}_v${version}${build === 1 ? '' : `_b${build}`}`
  const { taken } = writer.prepare(isNameTaken).get(wanted) as { readonly taken: number }
  const { next } = writer.prepare(selectNextKey).get() as { readonly next: number }
  const documentsTable = taken === 0 ? wanted : `view_${next}`
  const record = writer.prepare(insertView).get(viewName, version, build, indexes, documentsTable)
  writer.exec(createTables(documentsTable, `${documentsTable}_index`))
  return record
}

function createTables(documents: string, entries: string): string {
  return `
    CREATE TABLE "${documents}" (
      id TEXT PRIMARY KEY,
      document TEXT NOT NULL -- JSON
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE "${entries}" (
      index_key INTEGER NOT NULL, -- place of the index's name in views.indexes, from 0
      value ANY NOT NULL, -- numbers sort before strings
      id TEXT NOT NULL,
      PRIMARY KEY (index_key, value, id)
    ) STRICT, WITHOUT ROWID;
  `
}

function prepareRead(database: DatabaseSync, documents: string, entries: string): ReadStatements {
  return {
    selectCheckpoint: database.prepare('SELECT checkpoint FROM views WHERE key = ?'),
    selectDocument: database.prepare(`SELECT document FROM "${documents}" WHERE id = ?`),
    listDocuments: database.prepare(`SELECT id, document FROM "${documents}" ORDER BY id LIMIT ?`),
    listDocumentsAfter: database.prepare(`SELECT id, document FROM "${documents}" WHERE id > ? ORDER BY id LIMIT ?`),
    countDocuments: database.prepare(`SELECT count(*) AS count FROM "${documents}"`),
    countEntries: database.prepare(`SELECT count(*) AS count FROM "${entries}" WHERE index_key = ? AND value = ?`),
    countAllEntries: database.prepare(`SELECT count(DISTINCT id) AS count FROM "${entries}" WHERE index_key = ?`),
  }
}
