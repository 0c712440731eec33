/** View documents, index entries and checkpoints in one SQLite file. */

import type { SQLInputValue, StatementSync } from 'node:sqlite'
import {
  type CommittedChanges,
  checkFindOptions,
  checkListOptions,
  checkOptions,
  Feed,
  type FindOptions,
  type FoundRow,
  type IndexValue,
  InvalidDefinitionError,
  type ListOptions,
  type ProgressStore,
  type Signal,
  StaleCheckpointError,
  type StoredView,
  UnknownNameError,
  type ViewCommit,
  type ViewDefinition,
  type ViewRow,
  type ViewStore,
  viewKey,
} from '@cim/core'
import { resolveDatabasePath } from './database-path.ts'
import { conditionsOf, findStatement } from './entry-conditions.ts'
import { toQueryError } from './plain-sql.ts'
import { SqliteProgressStore } from './sqlite-progress-store.ts'
import { parseStored } from './stored-json.ts'
import { ViewBuilds } from './view-builds.ts'
import { ViewDatabase } from './view-database.ts'
import { findOrMakeView, prepareViewTables, type ViewTables } from './view-tables.ts'

/** Options of {@link SqliteViewStore}. */
export interface SqliteViewStoreOptions {
  /** The database file; it is made when it does not exist, its folder is not. Not the event store's file. */
  readonly path: string
  /** Memory for pages of the file, in MiB; 16 when left out. */
  readonly cacheMegabytes?: number
}

/** About a millisecond of writing. */
const changesPerTurn = 200

/**
 * Keeps views in a SQLite file of their own. A commit is all or nothing, and survives the end of the process; a power
 * failure may undo the newest commits, checkpoints with them, and the events are then applied again.
 */
export class SqliteViewStore implements ViewStore {
  readonly committed: Signal
  readonly changes: Feed<CommittedChanges> = new Feed()
  readonly progressStore: ProgressStore
  readonly #database: ViewDatabase
  readonly #progress: SqliteProgressStore
  readonly #builds: ViewBuilds
  readonly #views = new Map<string, ViewTables>()
  readonly #found = new Map<string, StatementSync>()
  /** Settles when everything is released. */
  #closing: Promise<void> | undefined

  /**
   * Opens the file, and makes or migrates its schema.
   * @throws {StoreCorruptError} when it is damaged or no database
   * @throws {StoreVersionError} when it holds something else, or was written by a newer version
   * @throws {StoreUnavailableError} when it cannot be opened or written
   */
  constructor(options: SqliteViewStoreOptions) {
    checkOptions('SqliteViewStore', options, ['path', 'cacheMegabytes'])
    const path = resolveDatabasePath('SqliteViewStore', options.path)
    this.#database = new ViewDatabase(path, options.cacheMegabytes ?? 16)
    this.#progress = new SqliteProgressStore(this.#database)
    this.#builds = new ViewBuilds(this.#database)
    this.committed = this.#database.committed
    this.progressStore = this.#progress
  }

  async openView(view: ViewDefinition): Promise<void> {
    if (this.#database.read(() => this.#isThere(viewKey(view)))) return
    const { writer, reader } = this.#database
    await this.#database.transact(
      'opening a view',
      () => {
        const found = findOrMakeView(writer, view)
        if (found !== 'other-indexes') return found
        throw new InvalidDefinitionError(
          `View ${view.viewName}: version ${view.version} was built with other indexes than it now declares. Raise its version, to build it anew.`,
        )
      },
      // The reader sees the tables when they are committed.
      (found) => this.#views.set(viewKey(view), prepareViewTables(writer, reader, view, found)),
    )
  }

  async getCheckpoint(view: ViewDefinition): Promise<number> {
    return this.#read(view, (tables) => this.#checkpointOf(view, tables))
  }

  async getMany(view: ViewDefinition, ids: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    return this.#read(view, ({ read }) => {
      const found = new Map<string, unknown>()
      for (const id of ids) {
        const row = read.selectDocument.get(id) as { readonly document: string } | undefined
        if (row !== undefined) found.set(id, this.#parse(view, id, row.document))
      }
      return found
    })
  }

  async find(view: ViewDefinition, index: string, options?: FindOptions): Promise<readonly FoundRow[]> {
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

  async list(view: ViewDefinition, options?: ListOptions): Promise<readonly ViewRow[]> {
    const { afterId, limit } = checkListOptions(view.viewName, options)
    return this.#read(view, ({ read: { listDocuments, listDocumentsAfter } }) => {
      const rows = afterId === undefined ? listDocuments.all(limit) : listDocumentsAfter.all(afterId, limit)
      return rows.map((row) => {
        const { id, document } = row as { readonly id: string; readonly document: string }
        return { id, view: this.#parse(view, id, document) }
      })
    })
  }

  async count(view: ViewDefinition, index?: string, equals?: IndexValue): Promise<number> {
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

  async commit(view: ViewDefinition, commit: ViewCommit): Promise<void> {
    const { expectedCheckpoint, position, changes, progress } = commit
    await this.#database.transact('writing', async () => {
      const tables = this.#open(view)
      if (Number(tables.updateCheckpoint.run(position, tables.key, expectedCheckpoint).changes) !== 1) {
        throw new StaleCheckpointError(view.viewName, expectedCheckpoint, this.#checkpointOf(view, tables))
      }
      if (progress !== undefined) this.#progress.apply(progress)
      tables.changes.clear()
      for (const [index, change] of changes.entries()) {
        tables.changes.add(change)
        // A long commit lets others run in between; readers have a connection of their own.
        if (index % changesPerTurn === changesPerTurn - 1) await nextTurn()
      }
      tables.changes.flush()
    })
    if (this.changes.isHeard) this.changes.publish({ view, position, changes })
    this.committed.notify()
  }

  async listViews(viewName?: string): Promise<readonly StoredView[]> {
    return this.#builds.list(viewName)
  }

  async promoteView(view: ViewDefinition, expectedLive: string | undefined, now: number): Promise<void> {
    await this.#database.transact('promoting a view', () => this.#builds.promote(view, expectedLive, now))
    this.committed.notify()
  }

  async dropView(view: Pick<ViewDefinition, 'viewName' | 'version' | 'build'>): Promise<void> {
    const key = viewKey(view)
    await this.#database.transact('dropping a view', () => {
      this.#builds.drop(view)
      this.#progress.forget(key)
    })
    this.#forget(key)
    this.committed.notify()
  }

  /**
   * The door to plain SQL, for reading. Each view has a table `<ViewName>_v<version>` with the columns `id` and
   * `document` (JSON), and a table `<ViewName>_v<version>_index` with `index_key`, `value` and `id`; the table `views`
   * says which.
   * @param sql one SELECT statement
   * @param parameters for its placeholders
   * @returns plain rows
   * @throws {ValidationError} when the statement is wrong, or would do anything but read
   */
  async query(
    sql: string,
    ...parameters: readonly SQLInputValue[]
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.#database.read(() => {
      try {
        return this.#database.reader.prepare(sql).all(...parameters)
      } catch (error) {
        throw toQueryError(error)
      }
    })
  }

  /** Finishes what was asked for, gives back the processors that were claimed here, and releases the file. */
  close(): Promise<void> {
    this.#closing ??= this.#database.close(() => this.#progress.releaseAll())
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #prepareFind(sql: string): StatementSync {
    const known = this.#found.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.reader.prepare(sql)
    this.#found.set(sql, statement)
    return statement
  }

  #read<TResult>(view: ViewDefinition, read: (tables: ViewTables) => TResult): TResult {
    return this.#database.read(() => {
      const tables = this.#open(view)
      try {
        return read(tables)
      } catch (error) {
        throw this.#isThere(viewKey(view)) ? error : this.#unknown(view)
      }
    })
  }

  #open(view: ViewDefinition): ViewTables {
    const tables = this.#views.get(viewKey(view))
    if (tables === undefined) throw this.#unknown(view)
    return tables
  }

  #unknown(view: ViewDefinition): UnknownNameError {
    return new UnknownNameError('unknown-view', viewKey(view), this.#views.keys())
  }

  #checkpointOf(view: ViewDefinition, { key, read }: ViewTables): number {
    const row = read.selectCheckpoint.get(key) as { readonly checkpoint: number } | undefined
    if (row !== undefined) return row.checkpoint
    this.#forget(viewKey(view))
    throw this.#unknown(view)
  }

  /** Another process may have dropped a view since it was opened. */
  #isThere(key: string): boolean {
    const tables = this.#views.get(key)
    if (tables === undefined) return false
    if (tables.read.selectCheckpoint.get(tables.key) !== undefined) return true
    this.#forget(key)
    return false
  }

  #forget(key: string): void {
    this.#views.delete(key)
    this.#found.clear()
  }

  #parse(view: ViewDefinition, id: string, document: string): unknown {
    return parseStored(
      document,
      () => `SQLite file ${this.#database.path}: ${viewKey(view)}, document ${JSON.stringify(id)}`,
    )
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function indexKeyOf(view: ViewDefinition, { indexKeys }: ViewTables, index: string): number {
  const key = indexKeys.get(index)
  if (key === undefined) throw new UnknownNameError('unknown-index', index, Object.keys(view.indexes))
  return key
}

function countOf(row: unknown): number {
  return (row as { readonly count: number }).count
}
