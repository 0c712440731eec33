/** Writes changes of view documents, with the index entries that find them. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { encodeJson, indexValuesOf, type ViewChange, type ViewDefinition } from '@cim/core'
import { type BulkSql, BulkStatement } from './bulk-statement.ts'

const rowsPerCall = 32

/** The statements of one view's tables on the connection that writes. */
export class ViewChanges {
  readonly #view: ViewDefinition
  readonly #indexKeys: ReadonlyMap<string, number>
  readonly #insertDocuments: BulkStatement
  readonly #updateDocuments: BulkStatement
  readonly #insertEntries: BulkStatement
  // Measured: to delete many rows with one statement is slower than one by one.
  readonly #deleteDocument: StatementSync
  readonly #deleteEntry: StatementSync

  /**
   * @param documents the table's name
   * @param entries the table's name
   * @param indexKeys the number of each index in the table of entries
   */
  constructor(
    writer: DatabaseSync,
    view: ViewDefinition,
    documents: string,
    entries: string,
    indexKeys: ReadonlyMap<string, number>,
  ) {
    this.#view = view
    this.#indexKeys = indexKeys
    const bulk = (sql: BulkSql): BulkStatement => new BulkStatement(writer, sql, rowsPerCall)
    // OR ROLLBACK: a failure ends the whole transaction anyway, and SQLite need not be able to undo one statement alone.
    const insertDocuments = { before: `INSERT OR ROLLBACK INTO "${documents}" (id, document) VALUES `, row: '(?, ?)' }
    this.#insertDocuments = bulk(insertDocuments)
    this.#updateDocuments = bulk({
      ...insertDocuments,
      after: ' ON CONFLICT (id) DO UPDATE SET document = excluded.document',
    })
    this.#insertEntries = bulk({
      before: `INSERT OR IGNORE INTO "${entries}" (index_key, value, id) VALUES `,
      row: '(?, ?, ?)',
    })
    this.#deleteDocument = writer.prepare(`DELETE FROM "${documents}" WHERE id = ?`)
    this.#deleteEntry = writer.prepare(`DELETE FROM "${entries}" WHERE index_key = ? AND value = ? AND id = ?`)
  }

  /** Forgets what a transaction that failed has left. */
  clear(): void {
    for (const statement of this.#statements()) statement.clear()
  }

  /** Takes a change; the documents between two calls of {@link flush} must be different ones. */
  add({ id, before, after }: ViewChange): void {
    if (after === undefined) this.#deleteDocument.run(id)
    else if (before === undefined) this.#insertDocuments.add(id, encodeJson(after).text)
    else this.#updateDocuments.add(id, encodeJson(after).text)
    for (const [index, key] of this.#indexKeys) {
      const values = indexValuesOf(this.#view, index, after)
      const former = indexValuesOf(this.#view, index, before)
      for (const value of former) if (!values.includes(value)) this.#deleteEntry.run(key, value, id)
      for (const value of values) if (!former.includes(value)) this.#insertEntries.add(key, value, id)
    }
  }

  /** Writes what has not been written yet. */
  flush(): void {
    for (const statement of this.#statements()) statement.flush()
  }

  #statements(): readonly BulkStatement[] {
    return [this.#insertDocuments, this.#updateDocuments, this.#insertEntries]
  }
}
