/** View documents, index entries and checkpoints in one SQLite file. */

import type { SQLInputValue } from 'node:sqlite'
import {
  type CommittedChanges,
  checkOptions,
  Feed,
  type FindOptions,
  type FoundRow,
  type IndexValue,
  InvalidDefinitionError,
  type ListOptions,
  type OpenViewOptions,
  type ProgressStore,
  type Signal,
  StaleCheckpointError,
  type StoredView,
  type ViewCommit,
  type ViewDefinition,
  type ViewRow,
  type ViewStore,
  viewKey,
} from '@cim/core'
import { resolveDatabasePath } from './database-path.ts'
import { OpenViews } from './open-views.ts'
import { toQueryError } from './plain-sql.ts'
import { SqliteProgressStore } from './sqlite-progress-store.ts'
import { ViewBuilds } from './view-builds.ts'
import { ViewDatabase } from './view-database.ts'
import { ViewReader } from './view-reader.ts'
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
  readonly #views = new OpenViews()
  readonly #reader: ViewReader
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
    this.#reader = new ViewReader(this.#database.reader, path)
    this.committed = this.#database.committed
    this.progressStore = this.#progress
  }

  async openView(view: ViewDefinition, { mustExist = false }: OpenViewOptions = {}): Promise<void> {
    if (this.#database.read(() => this.#views.has(view))) return
    const { writer, reader } = this.#database
    await this.#database.transact(
      'opening a view',
      () => {
        if (mustExist) this.#builds.assertKnown(view)
        const found = findOrMakeView(writer, view)
        if (found !== 'other-indexes') return found
        throw new InvalidDefinitionError(
          `View ${view.viewName}: version ${view.version} was built with other indexes than it now declares. Raise its version, to build it anew.`,
        )
      },
      // The reader sees the tables when they are committed.
      (found) => this.#views.add(view, prepareViewTables(writer, reader, view, found)),
    )
  }

  async getCheckpoint(view: ViewDefinition): Promise<number> {
    return this.#database.read(() => this.#views.checkpointOf(view))
  }

  async getMany(view: ViewDefinition, ids: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    return this.#read(view, (tables) => this.#reader.getMany(view, tables, ids))
  }

  async find(view: ViewDefinition, index: string, options?: FindOptions): Promise<readonly FoundRow[]> {
    return this.#read(view, (tables) => this.#reader.find(view, tables, index, options))
  }

  async list(view: ViewDefinition, options?: ListOptions): Promise<readonly ViewRow[]> {
    return this.#read(view, (tables) => this.#reader.list(view, tables, options))
  }

  async count(view: ViewDefinition, index?: string, equals?: IndexValue): Promise<number> {
    return this.#read(view, (tables) => this.#reader.count(view, tables, index, equals))
  }

  async commit(view: ViewDefinition, commit: ViewCommit): Promise<void> {
    const { expectedCheckpoint, position, changes, progress } = commit
    await this.#database.transact('writing', async () => {
      const tables = this.#views.get(view)
      // An owner that was displaced is told that, whatever else is wrong.
      if (progress !== undefined) this.#progress.apply(progress)
      if (Number(tables.updateCheckpoint.run(position, tables.key, expectedCheckpoint).changes) !== 1) {
        throw new StaleCheckpointError(view.viewName, expectedCheckpoint, this.#views.checkpointOf(view))
      }
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

  async promoteView(
    view: ViewDefinition,
    expectedLive: string | undefined,
    now: number,
    leastCheckpoint = 0,
  ): Promise<void> {
    await this.#database.transact('promoting a view', () => {
      this.#builds.promote(view, expectedLive, now, leastCheckpoint)
    })
    this.committed.notify()
  }

  async dropView(view: Pick<ViewDefinition, 'viewName' | 'version' | 'build'>): Promise<void> {
    await this.#database.transact(
      'dropping a view',
      () => {
        this.#builds.drop(view)
        this.#progress.forget(viewKey(view))
      },
      // Before it may be made anew.
      () => this.#views.forget(view),
    )
    this.committed.notify()
  }

  /**
   * The door to plain SQL, for reading. Each view has a table `<ViewName>_v<version>` with the columns `id` and
   * `document` (JSON), and a table `<ViewName>_v<version>_index` with `index_key`, `value` and `id`; later builds have
   * `_b<build>` behind the version. The table `views` says which. The tables `processors`, `dead_letters` and
   * `discarded_dead_letters` keep progress.
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
    this.#closing ??= this.#database.close(this.#progress)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #read<TResult>(view: ViewDefinition, read: (tables: ViewTables) => TResult): TResult {
    return this.#database.read(() => {
      const tables = this.#views.get(view)
      try {
        return read(tables)
      } catch (error) {
        // Another process may have dropped them.
        if (!this.#views.has(view)) this.#views.refuse(view)
        throw error
      }
    })
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
