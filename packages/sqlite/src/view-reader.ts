/** Reads and finds view documents. */

import type { SQLInputValue, StatementSync } from 'node:sqlite'
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
import type { OpenViews } from './open-views.ts'
import { parseStored } from './stored-json.ts'
import type { ViewDatabase } from './view-database.ts'
import type { ViewTables } from './view-tables.ts'

/** So many different questions keep their statements. */
const mostStatements = 1000

/** Sees what is committed and nothing else. */
export class ViewReader {
  readonly #database: ViewDatabase
  readonly #views: OpenViews
  readonly #found = new Map<string, StatementSync>()

  constructor(database: ViewDatabase, views: OpenViews) {
    this.#database = database
    this.#views = views
  }

  checkpointOf(view: ViewDefinition): number {
    return this.#database.read(() => this.#views.checkpointOf(view))
  }

  getMany(view: ViewDefinition, ids: readonly string[]): ReadonlyMap<string, unknown> {
    return this.#read(view, ({ read }) => {
      const found = new Map<string, unknown>()
      for (const id of ids) {
        const row = read.selectDocument.get(id) as { readonly document: string } | undefined
        if (row !== undefined) found.set(id, this.#parse(view, id, row.document))
      }
      return found
    })
  }

  find(view: ViewDefinition, index: string, options: FindOptions | undefined): readonly FoundRow[] {
    const wanted = checkFindOptions(`${view.viewName}.${index}`, options)
    return this.#read(view, (tables) => {
      const conditions = conditionsOf(wanted)
      const statement = this.#prepareFind(findStatement(tables, conditions))
      const parameters: SQLInputValue[] = [
        indexKeyOf(view, tables, index),
        ...conditions.flatMap((one) => one.parameters),
        wanted.limit,
      ]
      return statement.all(...parameters).map((row) => {
        const { value, id, document } = row as {
          readonly value: IndexValue
          readonly id: string
          readonly document: string
        }
        return { value, id, view: this.#parse(view, id, document) }
      })
    })
  }

  list(view: ViewDefinition, options: ListOptions | undefined): readonly ViewRow[] {
    const { afterId, limit } = checkListOptions(view.viewName, options)
    return this.#read(view, ({ read: { listDocuments, listDocumentsAfter } }) => {
      const rows = afterId === undefined ? listDocuments.all(limit) : listDocumentsAfter.all(afterId, limit)
      return rows.map((row) => {
        const { id, document } = row as { readonly id: string; readonly document: string }
        return { id, view: this.#parse(view, id, document) }
      })
    })
  }

  count(view: ViewDefinition, index: string | undefined, equals: IndexValue | undefined): number {
    return this.#read(view, (tables) => {
      const { countDocuments, countEntries, countAllEntries } = tables.read
      if (index === undefined) return countOf(countDocuments.get())
      const wanted = checkFindOptions(`${view.viewName}.${index}`, equals === undefined ? {} : { equals })
      const key = indexKeyOf(view, tables, index)
      return wanted.equals === undefined
        ? countOf(countAllEntries.get(key))
        : countOf(countEntries.get(key, wanted.equals))
    })
  }

  #read<TResult>(view: ViewDefinition, read: (tables: ViewTables) => TResult): TResult {
    return this.#database.read(() => {
      const tables = this.#views.get(view)
      try {
        return read(tables)
      } catch (error) {
        // Another process may have dropped its tables.
        if (!this.#views.has(view)) this.#views.refuse(view)
        throw error
      }
    })
  }

  #prepareFind(sql: string): StatementSync {
    const known = this.#found.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.reader.prepare(sql)
    // Builds come and go.
    if (this.#found.size >= mostStatements) this.#found.clear()
    this.#found.set(sql, statement)
    return statement
  }

  #parse(view: ViewDefinition, id: string, document: string): unknown {
    const subject = () => `SQLite file ${this.#database.path}: ${viewKey(view)}, document ${JSON.stringify(id)}`
    return parseStored(document, subject)
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
