/** View documents, index entries and checkpoints in one SQLite file. */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import {
  checkFindOptions,
  checkListOptions,
  checkOptions,
  type FindOptions,
  type FoundRow,
  type IndexValue,
  InvalidDefinitionError,
  type ListOptions,
  Signal,
  StaleCheckpointError,
  StoreClosedError,
  UnknownNameError,
  type ViewCommit,
  type ViewDefinition,
  type ViewRow,
  type ViewStore,
} from '@cim/core'
import { type DatabaseFileOptions, openDatabaseFile } from './database-file.ts'
import { resolveDatabasePath } from './database-path.ts'
import { conditionsOf, findStatement } from './entry-conditions.ts'
import { viewStoreMigrations } from './migrations.ts'
import { allowReadingOnly, toQueryError } from './plain-sql.ts'
import { isBusy, toStoreError } from './sqlite-errors.ts'
import { parseStored } from './stored-json.ts'
import { findOrMakeView, prepareViewTables, type ViewTables } from './view-tables.ts'

/** Options of {@link SqliteViewStore}. */
export interface SqliteViewStoreOptions {
  /** The database file; it is made when it does not exist, its folder is not. Not the event store's file. */
  readonly path: string
  /** Memory for pages of the file, in MiB; 16 when left out. */
  readonly cacheMegabytes?: number
}

/** "CIMV" in the file's header. */
const applicationId = 0x43494d56
/** About a millisecond of writing. */
const changesPerTurn = 200
/** How long a commit of another process is waited for. */
const mostWaitMs = 5000
const waitMs = 5

/**
 * Keeps views in a SQLite file of their own. A commit is all or nothing, and survives the end of the process; a power
 * failure may undo the newest commits, checkpoints with them, and the events are then applied again.
 */
export class SqliteViewStore implements ViewStore {
  readonly committed: Signal = new Signal()
  readonly #path: string
  /** Reading has a connection of its own: it never sees a commit half done. */
  readonly #reader: DatabaseSync
  readonly #writer: DatabaseSync
  readonly #views = new Map<string, ViewTables>()
  readonly #found = new Map<string, StatementSync>()
  #isClosed = false
  /** Settles when everything is released. */
  #closing: Promise<void> | undefined
  /** Settles when everything that was asked to be written is. */
  #writes: Promise<unknown> = Promise.resolve()

  /**
   * Opens the file, and makes or migrates its schema.
   * @throws {StoreCorruptError} when it is damaged or no database
   * @throws {StoreVersionError} when it holds something else, or was written by a newer version
   * @throws {StoreUnavailableError} when it cannot be opened or written
   */
  constructor(options: SqliteViewStoreOptions) {
    checkOptions('SqliteViewStore', options, ['path', 'cacheMegabytes'])
    this.#path = resolveDatabasePath('SqliteViewStore', options.path)
    const file: DatabaseFileOptions = {
      path: this.#path,
      applicationId,
      kind: 'a view store',
      migrations: viewStoreMigrations,
      synchronous: 'NORMAL',
      cacheMegabytes: (options.cacheMegabytes ?? 16) / 2,
    }
    this.#writer = openDatabaseFile(file)
    try {
      // Another writer is waited for between turns of the event loop: it may be in this process.
      this.#writer.exec('PRAGMA busy_timeout = 0')
      this.#reader = openDatabaseFile(file)
      allowReadingOnly(this.#reader)
    } catch (error) {
      this.#writer.close()
      throw toStoreError(error, this.#path, 'opening')
    }
  }

  async openView(view: ViewDefinition): Promise<void> {
    await this.#write('opening a view', async () => {
      const name = nameOf(view)
      if (this.#views.has(name)) return
      const found = await this.#transact(() => findOrMakeView(this.#writer, view))
      if (found === 'other-indexes') {
        throw new InvalidDefinitionError(
          `View ${view.viewName}: version ${view.version} was built with other indexes than it now declares. Raise its version, to build it anew.`,
        )
      }
      this.#views.set(name, prepareViewTables(this.#writer, this.#reader, view, found))
    })
  }

  async getCheckpoint(view: ViewDefinition): Promise<number> {
    return this.#read(() => checkpointOf(this.#open(view)))
  }

  async getMany(view: ViewDefinition, ids: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    return this.#read(() => {
      const { read } = this.#open(view)
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
    return this.#read(() => {
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
        return { value, id, view: this.#parse(view, id, document) }
      })
    })
  }

  async list(view: ViewDefinition, options?: ListOptions): Promise<readonly ViewRow[]> {
    const { afterId, limit } = checkListOptions(view.viewName, options)
    return this.#read(() => {
      const { listDocuments, listDocumentsAfter } = this.#open(view).read
      const rows = afterId === undefined ? listDocuments.all(limit) : listDocumentsAfter.all(afterId, limit)
      return rows.map((row) => {
        const { id, document } = row as { readonly id: string; readonly document: string }
        return { id, view: this.#parse(view, id, document) }
      })
    })
  }

  async count(view: ViewDefinition, index?: string, equals?: IndexValue): Promise<number> {
    return this.#read(() => {
      const tables = this.#open(view)
      const { countDocuments, countEntries, countAllEntries } = tables.read
      if (index === undefined) return countOf(countDocuments.get())
      const wanted = checkFindOptions(`${view.viewName}.${index}`, equals === undefined ? {} : { equals })
      const key = indexKeyOf(view, tables, index)
      return wanted.equals === undefined
        ? countOf(countAllEntries.get(key))
        : countOf(countEntries.get(key, wanted.equals))
    })
  }

  async commit(view: ViewDefinition, { expectedCheckpoint, position, changes }: ViewCommit): Promise<void> {
    await this.#write('writing', async () => {
      const tables = this.#open(view)
      await this.#transact(async () => {
        if (Number(tables.updateCheckpoint.run(position, tables.key, expectedCheckpoint).changes) !== 1) {
          throw new StaleCheckpointError(view.viewName, expectedCheckpoint, checkpointOf(tables))
        }
        tables.changes.clear()
        for (const [index, change] of changes.entries()) {
          tables.changes.add(change)
          // A long commit lets others run in between; readers have a connection of their own.
          if (index % changesPerTurn === changesPerTurn - 1) await nextTurn()
        }
        tables.changes.flush()
      })
    })
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
    return this.#read(() => {
      try {
        return this.#reader.prepare(sql).all(...parameters)
      } catch (error) {
        throw toQueryError(error)
      }
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    await this.#writes
    try {
      this.#reader.close()
    } finally {
      // The last connection to close moves the write-ahead log into the file.
      this.#writer.close()
      this.committed.notify()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #prepareFind(sql: string): StatementSync {
    const known = this.#found.get(sql)
    if (known !== undefined) return known
    const statement = this.#reader.prepare(sql)
    this.#found.set(sql, statement)
    return statement
  }

  #open(view: ViewDefinition): ViewTables {
    const tables = this.#views.get(nameOf(view))
    if (tables === undefined) throw new UnknownNameError('unknown-view', nameOf(view), this.#views.keys())
    return tables
  }

  #read<TResult>(read: () => TResult): TResult {
    this.#assertOpen()
    try {
      return read()
    } catch (error) {
      throw toStoreError(error, this.#path, 'reading')
    }
  }

  /** Writes one after the other. */
  async #write(doing: string, write: () => Promise<void>): Promise<void> {
    this.#assertOpen()
    const written = this.#writes.then(write)
    this.#writes = written.catch(() => undefined)
    try {
      await written
    } catch (error) {
      throw toStoreError(error, this.#path, doing)
    }
  }

  /** Nobody else may write on this connection meanwhile: see {@link #write}. */
  async #transact<TResult>(work: () => TResult | Promise<TResult>): Promise<TResult> {
    await this.#begin()
    try {
      const result = await work()
      this.#writer.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#writer.isTransaction) this.#writer.exec('ROLLBACK')
      throw error
    }
  }

  async #begin(): Promise<void> {
    for (const start = performance.now(); ; await delay(waitMs)) {
      try {
        this.#writer.exec('BEGIN IMMEDIATE')
        return
      } catch (error) {
        if (!isBusy(error) || performance.now() - start > mostWaitMs) throw error
      }
    }
  }

  #parse(view: ViewDefinition, id: string, document: string): unknown {
    return parseStored(document, () => `SQLite file ${this.#path}: ${nameOf(view)}, document ${JSON.stringify(id)}`)
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StoreClosedError('The view store is closed. Open a new one.')
  }
}

function nameOf(view: ViewDefinition): string {
  return `${view.viewName} version ${view.version}`
}

function checkpointOf(tables: ViewTables): number {
  return (tables.read.selectCheckpoint.get(tables.key) as { readonly checkpoint: number }).checkpoint
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
