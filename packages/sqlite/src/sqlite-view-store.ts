/** View documents, index entries and checkpoints in one SQLite file. */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import {
  checkFindOptions,
  checkOptions,
  checkPageLimit,
  encodeJson,
  type FindOptions,
  type FoundRow,
  type IndexValue,
  InvalidDefinitionError,
  indexValuesOf,
  Signal,
  StaleCheckpointError,
  StoreClosedError,
  UnknownNameError,
  type ViewChange,
  type ViewCommit,
  type ViewDefinition,
  type ViewRow,
  type ViewStore,
} from '@cim/core'
import { openDatabaseFile } from './database-file.ts'
import { viewStoreMigrations } from './migrations.ts'
import { toStoreError } from './sqlite-errors.ts'
import { type EntryCondition, findStatement, openViewTables, type ViewTables } from './view-tables.ts'

/** Options of {@link SqliteViewStore}. */
export interface SqliteViewStoreOptions {
  /** The database file; it is made when it does not exist, its folder is not. Not the event store's file. */
  readonly path: string
  /** Memory for pages of the file, in MiB; 64 when left out. */
  readonly cacheMegabytes?: number
}

/** "CIMV" in the file's header. */
const applicationId = 0x43494d56
const highestCodePoint = 0x10ffff

/**
 * Keeps views in a SQLite file of their own. A commit is all or nothing, and survives the end of the process; a power
 * failure may undo the newest commits, checkpoints with them, and the events are then applied again.
 */
export class SqliteViewStore implements ViewStore {
  readonly committed: Signal = new Signal()
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #views = new Map<string, ViewTables>()
  readonly #found = new Map<string, StatementSync>()

  /**
   * Opens the file, and makes or migrates its schema.
   * @throws {StoreCorruptError} when it is damaged or no database
   * @throws {StoreVersionError} when it holds something else, or was written by a newer version
   */
  constructor(options: SqliteViewStoreOptions) {
    checkOptions('SqliteViewStore', options, ['path', 'cacheMegabytes'])
    this.#path = options.path
    this.#database = openDatabaseFile({
      path: options.path,
      applicationId,
      kind: 'a view store',
      migrations: viewStoreMigrations,
      synchronous: 'NORMAL',
      cacheMegabytes: options.cacheMegabytes ?? 64,
    })
  }

  async openView(view: ViewDefinition): Promise<void> {
    this.#guard('opening a view', () => this.#open(view))
  }

  async getCheckpoint(view: ViewDefinition): Promise<number> {
    return this.#guard('reading', () => this.#checkpointOf(this.#open(view)))
  }

  async getMany(view: ViewDefinition, ids: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    return this.#guard('reading', () => {
      const { statements } = this.#open(view)
      const found = new Map<string, unknown>()
      for (const id of ids) {
        const row = statements.selectDocument.get(id) as { readonly document: string } | undefined
        if (row !== undefined) found.set(id, JSON.parse(row.document))
      }
      return found
    })
  }

  async find(view: ViewDefinition, index: string, options?: FindOptions): Promise<readonly FoundRow[]> {
    const wanted = checkFindOptions(`${view.viewName}.${index}`, options)
    return this.#guard('reading', () => {
      const tables = this.#open(view)
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
        return { value, id, view: JSON.parse(document) as unknown }
      })
    })
  }

  async list(
    view: ViewDefinition,
    options?: { readonly afterId?: string; readonly limit?: number },
  ): Promise<readonly ViewRow[]> {
    const limit = checkPageLimit(`list ${view.viewName}`, options?.limit)
    return this.#guard('reading', () =>
      this.#open(view)
        .statements.listDocuments.all(options?.afterId ?? '', limit)
        .map((row) => {
          const { id, document } = row as { readonly id: string; readonly document: string }
          return { id, view: JSON.parse(document) as unknown }
        }),
    )
  }

  async count(view: ViewDefinition, index?: string, equals?: IndexValue): Promise<number> {
    return this.#guard('reading', () => {
      const tables = this.#open(view)
      const { countDocuments, countEntries, countAllEntries } = tables.statements
      if (index === undefined) return countOf(countDocuments.get())
      const wanted = checkFindOptions(`${view.viewName}.${index}`, equals === undefined ? {} : { equals })
      const key = indexKeyOf(view, tables, index)
      return wanted.equals === undefined
        ? countOf(countAllEntries.get(key))
        : countOf(countEntries.get(key, wanted.equals))
    })
  }

  async commit(view: ViewDefinition, commit: ViewCommit): Promise<void> {
    this.#guard('writing', () => {
      const tables = this.#open(view)
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        this.#moveCheckpoint(view, tables, commit)
        for (const change of commit.changes) writeChange(view, tables, change)
        this.#database.exec('COMMIT')
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        throw error
      }
    })
    this.committed.notify()
  }

  #moveCheckpoint(view: ViewDefinition, tables: ViewTables, { expectedCheckpoint, position }: ViewCommit): void {
    const { changes } = tables.statements.updateCheckpoint.run(position, tables.key, expectedCheckpoint)
    if (Number(changes) === 1) return
    throw new StaleCheckpointError(view.viewName, expectedCheckpoint, this.#checkpointOf(tables))
  }

  #checkpointOf(tables: ViewTables): number {
    return (tables.statements.selectCheckpoint.get(tables.key) as { readonly checkpoint: number }).checkpoint
  }

  /**
   * The door to plain SQL, for reading. Each view has a table `<ViewName>_v<version>` with the columns `id` and
   * `document` (JSON), and a table `<ViewName>_v<version>_index` with `index_key`, `value` and `id`.
   * @param sql one SELECT statement
   * @param parameters for its placeholders
   * @returns plain rows
   * @throws {StoreUnavailableError} when the statement is wrong or would write
   */
  async query(
    sql: string,
    ...parameters: readonly SQLInputValue[]
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.#guard('querying', () => {
      this.#database.exec('PRAGMA query_only = ON')
      try {
        return this.#database.prepare(sql).all(...parameters)
      } finally {
        this.#database.exec('PRAGMA query_only = OFF')
      }
    })
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close()
    this.committed.notify()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #prepareFind(sql: string): StatementSync {
    const known = this.#found.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#found.set(sql, statement)
    return statement
  }

  #open(view: ViewDefinition): ViewTables {
    const name = `${view.viewName} ${view.version}`
    const known = this.#views.get(name)
    if (known !== undefined) return known
    const tables = openViewTables(this.#database, view)
    if (tables === 'other-indexes') {
      throw new InvalidDefinitionError(
        `View ${view.viewName}: version ${view.version} was built with other indexes than it now declares. Raise its version, to build it anew.`,
      )
    }
    this.#views.set(name, tables)
    return tables
  }

  #guard<TResult>(doing: string, work: () => TResult): TResult {
    if (!this.#database.isOpen) throw new StoreClosedError('The view store is closed. Open a new one.')
    try {
      return work()
    } catch (error) {
      throw toStoreError(error, this.#path, doing)
    }
  }
}

function writeChange(
  view: ViewDefinition,
  { statements, indexKeys }: ViewTables,
  { id, before, after }: ViewChange,
): void {
  if (after === undefined) statements.deleteDocument.run(id)
  else statements.upsertDocument.run(id, encodeJson(after).text)
  for (const [index, key] of indexKeys) {
    const values = indexValuesOf(view, index, after)
    const former = indexValuesOf(view, index, before)
    for (const value of former) if (!values.includes(value)) statements.deleteEntry.run(key, value, id)
    for (const value of values) if (!former.includes(value)) statements.insertEntry.run(key, value, id)
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

function conditionsOf({ equals, prefix, from, before, after }: FindOptions): readonly EntryCondition[] {
  const conditions: EntryCondition[] = []
  if (equals !== undefined) conditions.push({ sql: 'entries.value = ?', parameters: [equals] })
  if (from !== undefined) conditions.push({ sql: 'entries.value >= ?', parameters: [from] })
  if (before !== undefined) conditions.push({ sql: 'entries.value < ?', parameters: [before] })
  if (prefix !== undefined) conditions.push(...prefixConditions(prefix))
  if (after !== undefined)
    conditions.push({ sql: '(entries.value, entries.id) > (?, ?)', parameters: [after.value, after.id] })
  return conditions
}

function prefixConditions(prefix: string): readonly EntryCondition[] {
  const conditions: EntryCondition[] = [{ sql: 'entries.value >= ?', parameters: [prefix] }]
  const next = successorOf(prefix)
  if (next !== undefined) conditions.push({ sql: 'entries.value < ?', parameters: [next] })
  return conditions
}

/** @returns the least string that is greater than every string with this prefix, undefined when there is none */
function successorOf(prefix: string): string | undefined {
  const codePoints = Array.from(prefix, (character) => character.codePointAt(0) ?? 0)
  while (codePoints.length > 0) {
    const last = codePoints.pop() ?? highestCodePoint
    if (last === highestCodePoint) continue
    // Surrogates are no characters: the one after U+D7FF is U+E000.
    const next = last === 0xd7ff ? 0xe000 : last + 1
    return String.fromCodePoint(...codePoints, next)
  }
  return undefined
}
