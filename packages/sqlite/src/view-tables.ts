/** The two tables of one view: its documents, and the index entries that find them. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ViewDefinition } from '@cim/core'

/** A view's prepared statements. */
export interface ViewTables {
  /** Row of `views`. */
  readonly key: number
  /** Each index's number in the entries table. */
  readonly indexKeys: ReadonlyMap<string, number>
  readonly statements: ViewStatements
  /** The name of the documents table, for plain SQL. */
  readonly documentsTable: string
  /** The name of the entries table, for plain SQL. */
  readonly entriesTable: string
}

/** Statements over one view's tables. */
export interface ViewStatements {
  readonly selectCheckpoint: StatementSync
  readonly updateCheckpoint: StatementSync
  readonly selectDocument: StatementSync
  readonly upsertDocument: StatementSync
  readonly deleteDocument: StatementSync
  readonly insertEntry: StatementSync
  readonly deleteEntry: StatementSync
  readonly listDocuments: StatementSync
  readonly countDocuments: StatementSync
  readonly countEntries: StatementSync
  readonly countAllEntries: StatementSync
}

const selectView = 'SELECT key, indexes FROM views WHERE name = ? AND version = ?'
const insertView = 'INSERT INTO views (name, version, indexes, checkpoint) VALUES (?, ?, ?, 0) RETURNING key, indexes'

/**
 * Finds a view's tables, or makes them.
 * @returns undefined when the view was made with other indexes under the same version
 */
export function openViewTables(database: DatabaseSync, view: ViewDefinition): ViewTables | 'other-indexes' {
  const indexes = JSON.stringify(Object.keys(view.indexes).sort())
  const documentsTable = `${view.viewName}_v${view.version}`
  const entriesTable = `${documentsTable}_index`
  database.exec('BEGIN IMMEDIATE')
  try {
    const known = database.prepare(selectView).get(view.viewName, view.version)
    const row = (known ?? database.prepare(insertView).get(view.viewName, view.version, indexes)) as {
      key: number
      indexes: string
    }
    if (known === undefined) database.exec(createTables(documentsTable, entriesTable))
    database.exec('COMMIT')
    if (row.indexes !== indexes) return 'other-indexes'
    const names = JSON.parse(row.indexes) as readonly string[]
    return {
      key: row.key,
      indexKeys: new Map(names.map((name, index) => [name, index])),
      statements: prepareStatements(database, documentsTable, entriesTable),
      documentsTable,
      entriesTable,
    }
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
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

function prepareStatements(database: DatabaseSync, documents: string, entries: string): ViewStatements {
  return {
    selectCheckpoint: database.prepare('SELECT checkpoint FROM views WHERE key = ?'),
    updateCheckpoint: database.prepare('UPDATE views SET checkpoint = ? WHERE key = ? AND checkpoint = ?'),
    selectDocument: database.prepare(`SELECT document FROM "${documents}" WHERE id = ?`),
    upsertDocument: database.prepare(
      `INSERT INTO "${documents}" (id, document) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document`,
    ),
    deleteDocument: database.prepare(`DELETE FROM "${documents}" WHERE id = ?`),
    insertEntry: database.prepare(`INSERT OR IGNORE INTO "${entries}" (index_key, value, id) VALUES (?, ?, ?)`),
    deleteEntry: database.prepare(`DELETE FROM "${entries}" WHERE index_key = ? AND value = ? AND id = ?`),
    listDocuments: database.prepare(`SELECT id, document FROM "${documents}" WHERE id > ? ORDER BY id LIMIT ?`),
    countDocuments: database.prepare(`SELECT count(*) AS count FROM "${documents}"`),
    countEntries: database.prepare(`SELECT count(*) AS count FROM "${entries}" WHERE index_key = ? AND value = ?`),
    countAllEntries: database.prepare(`SELECT count(DISTINCT id) AS count FROM "${entries}" WHERE index_key = ?`),
  }
}

/** A condition over entries, as SQL with its parameters. */
export interface EntryCondition {
  readonly sql: string
  readonly parameters: readonly (string | number)[]
}

/** @returns the statement that finds rows of a view through an index */
export function findStatement(
  { documentsTable, entriesTable }: ViewTables,
  conditions: readonly EntryCondition[],
): string {
  const where = ['entries.index_key = ?', ...conditions.map(({ sql }) => sql)].join(' AND ')
  return `SELECT entries.value, entries.id, documents.document
    FROM "${entriesTable}" AS entries JOIN "${documentsTable}" AS documents ON documents.id = entries.id
    WHERE ${where} ORDER BY entries.value, entries.id LIMIT ?`
}
