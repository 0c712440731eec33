/** View documents, index entries and checkpoints in one SQLite file. */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import {
  checkFindOptions,
  checkListOptions,
  checkOptions,
  encodeJson,
  type FindOptions,
  type FoundRow,
  type IndexValue,
  InvalidDefinitionError,
  indexValuesOf,
  type ListOptions,
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
import { type DatabaseFileOptions, openDatabaseFile } from './database-file.ts'
import { viewStoreMigrations } from './migrations.ts'
import { toStoreError } from './sqlite-errors.ts'
import { type EntryCondition, findStatement, openViewTables, type ViewTables } from './view-tables.ts'

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
const highestCodePoint = 0x10ffff

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
  /** Settles when everything that was asked to be written is. */
  #writes: Promise<unknown> = Promise.resolve()

  /**
   * Opens the file, and makes or migrates its schema.
   * @throws {StoreCorruptError} when it is damaged or no database
   * @throws {StoreVersionError} when it holds something else, or was written by a newer version
   */
  constructor(options: SqliteViewStoreOptions) {
    checkOptions('SqliteViewStore', options, ['path', 'cacheMegabytes'])
    this.#path = options.path
    const file: DatabaseFileOptions = {
      path: options.path,
      applicationId,
      kind: 'a view store',
      migrations: viewStoreMigrations,
      synchronous: 'NORMAL',
      cacheMegabytes: (options.cacheMegabytes ?? 16) / 2,
    }
    this.#writer = openDatabaseFile(file)
    this.#reader = openDatabaseFile(file)
    this.#reader.exec('PRAGMA query_only = ON')
  }

  async openView(view: ViewDefinition): Promise<void> {
    await this.#write('opening a view', async () => {
      const name = nameOf(view)
      if (this.#views.has(name)) return
      const tables = openViewTables(this.#writer, this.#reader, view)
      if (tables === 'other-indexes') {
        throw new InvalidDefinitionError(
          `View ${view.viewName}: version ${view.version} was built with other indexes than it now declares. Raise its version, to build it anew.`,
        )
      }
      this.#views.set(name, tables)
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
        if (row !== undefined) found.set(id, JSON.parse(row.document))
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
        return { value, id, view: JSON.parse(document) as unknown }
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
        return { id, view: JSON.parse(document) as unknown }
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
      this.#writer.exec('BEGIN IMMEDIATE')
      try {
        if (Number(tables.write.updateCheckpoint.run(position, tables.key, expectedCheckpoint).changes) !== 1) {
          throw new StaleCheckpointError(view.viewName, expectedCheckpoint, checkpointOf(tables))
        }
        for (const [index, change] of changes.entries()) {
          writeChange(view, tables, change)
          // A long commit lets others run in between; readers have a connection of their own.
          if (index % changesPerTurn === changesPerTurn - 1) await nextTurn()
        }
        this.#writer.exec('COMMIT')
      } catch (error) {
        if (this.#writer.isTransaction) this.#writer.exec('ROLLBACK')
        throw error
      }
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
   * @throws {StoreUnavailableError} when the statement is wrong or would write
   */
  async query(
    sql: string,
    ...parameters: readonly SQLInputValue[]
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.#read(() => this.#reader.prepare(sql).all(...parameters))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#writes
    this.#reader.close()
    this.#writer.close()
    this.committed.notify()
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

function writeChange(view: ViewDefinition, { write, indexKeys }: ViewTables, { id, before, after }: ViewChange): void {
  if (after === undefined) write.deleteDocument.run(id)
  else if (before === undefined) write.insertDocument.run(id, encodeJson(after).text)
  else write.updateDocument.run(encodeJson(after).text, id)
  for (const [index, key] of indexKeys) {
    const values = indexValuesOf(view, index, after)
    const former = indexValuesOf(view, index, before)
    for (const value of former) if (!values.includes(value)) write.deleteEntry.run(key, value, id)
    for (const value of values) if (!former.includes(value)) write.insertEntry.run(key, value, id)
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
