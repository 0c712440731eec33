/** Reads the documents of views through their tables. */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import {
  checkFindOptions,
  checkListOptions,
  type FindOptions,
  type FoundRow,
  type IndexValue,
  type ListOptions,
  UnknownNameError,
  type ViewDefinition,
  type ViewRow,
  viewKey,
} from '@cim/core'
import { conditionsOf, findStatement } from './entry-conditions.ts'
import { parseStored } from './stored-json.ts'
import type { ViewTables } from './view-tables.ts'

/** Works on one connection, synchronously. */
export class ViewReader {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #found = new Map<string, StatementSync>()

  constructor(database: DatabaseSync, path: string) {
    this.#database = database
    this.#path = path
  }

  /** @see {@link ViewStore.getMany} */
  getMany(view: ViewDefinition, { read }: ViewTables, ids: readonly string[]): ReadonlyMap<string, unknown> {
    const found = new Map<string, unknown>()
    for (const id of ids) {
      const row = read.selectDocument.get(id) as { readonly document: string } | undefined
      if (row !== undefined) found.set(id, this.#parse(view, id, row.document))
    }
    return found
  }

  /** @see {@link ViewStore.find} */
  find(view: ViewDefinition, tables: ViewTables, index: string, options?: FindOptions): readonly FoundRow[] {
    const wanted = checkFindOptions(`${view.viewName}.${index}`, options)
    const conditions = conditionsOf(wanted)
    const parameters: SQLInputValue[] = [
      indexKeyOf(view, tables, index),
      ...conditions.flatMap((one) => one.parameters),
      wanted.limit,
    ]
    return this.#prepareFind(findStatement(tables, conditions))
      .all(...parameters)
      .map((row) => {
        const { value, id, document } = row as {
          readonly value: IndexValue
          readonly id: string
          readonly document: string
        }
        return { value, id, view: this.#parse(view, id, document) }
      })
  }

  /** @see {@link ViewStore.list} */
  list(view: ViewDefinition, { read }: ViewTables, options?: ListOptions): readonly ViewRow[] {
    const { afterId, limit } = checkListOptions(view.viewName, options)
    const { listDocuments, listDocumentsAfter } = read
    const rows = afterId === undefined ? listDocuments.all(limit) : listDocumentsAfter.all(afterId, limit)
    return rows.map((row) => {
      const { id, document } = row as { readonly id: string; readonly document: string }
      return { id, view: this.#parse(view, id, document) }
    })
  }

  /** @see {@link ViewStore.count} */
  count(view: ViewDefinition, tables: ViewTables, index?: string, equals?: IndexValue): number {
    const { countDocuments, countEntries, countAllEntries } = tables.read
    if (index === undefined) return countOf(countDocuments.get())
    const wanted = checkFindOptions(`${view.viewName}.${index}`, equals === undefined ? {} : { equals })
    const key = indexKeyOf(view, tables, index)
    return wanted.equals === undefined
      ? countOf(countAllEntries.get(key))
      : countOf(countEntries.get(key, wanted.equals))
  }

  #prepareFind(sql: string): StatementSync {
    const known = this.#found.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#found.set(sql, statement)
    return statement
  }

  #parse(view: ViewDefinition, id: string, document: string): unknown {
    return parseStored(document, () => `SQLite file ${this.#path}: ${viewKey(view)}, document ${JSON.stringify(id)}`)
  }
}

function indexKeyOf(view: ViewDefinition, { indexKeys }: ViewTables, index: string): number {
  const key = indexKeys.get(index)
  if (key === undefined) throw new UnknownNameError('unknown-index', index, Object.keys(view.indexes))
  return key
}

function countOf(row: unknown): number {
  return (row as { readonly count: number }).count
}
