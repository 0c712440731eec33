/** The embedded event store: one SQLite file, one process. */

import type { DatabaseSync } from 'node:sqlite'
import {
  type AggregateRef,
  type AppendOptions,
  type AppendResult,
  type CommandRecord,
  checkCommandRecord,
  checkLoadOptions,
  checkOptions,
  checkReadOptions,
  createUuidGenerator,
  type DomainEventEnvelope,
  defaultLimits,
  type EventBatch,
  type EventPage,
  type EventStore,
  type EventStoreLimits,
  followLog,
  type InlineViewSource,
  type LoadEventsOptions,
  type NewEvent,
  type ProjectionDefinition,
  prepareAppend,
  type ReadEventsOptions,
  Signal,
  type SnapshotStore,
  StoreLockedError,
  StoreUnavailableError,
  type SubscribeOptions,
  subjectMatcher,
} from '@cim/core'
import { backUpDatabase } from './database-backup.ts'
import { openDatabaseFile } from './database-file.ts'
import { resolveDatabasePath } from './database-path.ts'
import { EventLog } from './event-log.ts'
import { EventLogReader } from './event-log-reader.ts'
import { mostTextAtOnce } from './event-portion.ts'
import { EventScanner } from './event-scanner.ts'
import { auditEventStore, type EventStoreAudit, type EventStoreAuditOptions } from './event-store-audit.ts'
import { FileLock } from './file-lock.ts'
import { GroupCommit } from './group-commit.ts'
import { SqliteInlineViews } from './inline-view-store.ts'
import type { IndexPace } from './log-index.ts'
import { eventStoreMigrations } from './migrations.ts'
import { openInlineViews } from './open-inline-views.ts'
import { isDuplicateKey, isIoError, toStoreError } from './sqlite-errors.ts'
import { SqliteSnapshotStore } from './sqlite-snapshot-store.ts'

/** Options of {@link SqliteEventStore}. */
export interface SqliteEventStoreOptions {
  /** The database file; it is made when it does not exist, its folder is not. */
  readonly path: string
  /** The clock, milliseconds since 1970. */
  readonly now?: () => number
  /** Makes event ids. */
  readonly newId?: () => string
  readonly limits?: Partial<EventStoreLimits>
  /**
   * Views that change in the transaction of each append, and so never lag. Their handlers use nothing but `set`, `update` and
   * `delete`; one that throws refuses the append. A new one is built when the store is opened, which takes about five seconds
   * for a million events.
   */
  readonly inlineProjections?: readonly ProjectionDefinition[]
  /** Memory for pages of the file, in MiB; 32 when left out. */
  readonly cacheMegabytes?: number
}

/** What the tests of this package set and look into. Nothing of it is promised. */
export interface SqliteEventStoreInternals {
  readonly indexPace?: IndexPace
  /** Is handed the connection once the file is open. */
  readonly opened?: (database: DatabaseSync) => void
}

/** "CIME" in the file's header. */
const applicationId = 0x43494d45

/**
 * Keeps events in a SQLite file. Appends of one turn of the event loop share a transaction with `synchronous=FULL`.
 * Opening the same file a second time is refused with a {@link StoreLockedError}.
 */
export class SqliteEventStore implements EventStore {
  readonly limits: EventStoreLimits
  /** Snapshots in the same file, so that a restored copy never has newer snapshots than events. */
  readonly snapshotStore: SnapshotStore
  /** The in-line views, when there are any: give them to the application. */
  readonly inlineViews: InlineViewSource | undefined
  readonly #path: string
  readonly #lock: FileLock
  readonly #database: DatabaseSync
  readonly #scanner: EventScanner
  readonly #log: EventLog
  readonly #reader: EventLogReader
  readonly #commits: GroupCommit
  readonly #appended = new Signal()
  readonly #newId: () => string
  #newEvents = 0
  #isClosed = false

  /**
   * Opens the file, and makes or migrates its schema.
   * @throws {StoreLockedError} when it is open elsewhere
   * @throws {StoreCorruptError} when it is damaged or no database
   * @throws {StoreVersionError} when it holds something else, or was written by a newer version
   * @throws {StoreUnavailableError} when it cannot be opened or written
   */
  constructor(options: SqliteEventStoreOptions, internals?: SqliteEventStoreInternals) {
    checkOptions('SqliteEventStore', options, ['path', 'now', 'newId', 'limits', 'inlineProjections', 'cacheMegabytes'])
    const now = options.now ?? Date.now
    this.#path = resolveDatabasePath('SqliteEventStore', options.path)
    this.#newId = options.newId ?? createUuidGenerator(now)
    this.limits = { ...defaultLimits, ...options.limits }
    const lockPath = `${this.#path}-lock`
    this.#lock = new FileLock(
      lockPath,
      `SQLite file ${this.#path}: another process has opened it as an event store (lock file ${lockPath}). Stop that process, or choose another file.`,
    )
    this.#scanner = new EventScanner(this.#path)
    try {
      this.#database = openDatabaseFile({
        path: this.#path,
        applicationId,
        kind: 'an event store',
        migrations: eventStoreMigrations,
        synchronous: 'FULL',
        cacheMegabytes: options.cacheMegabytes ?? 32,
      })
      try {
        internals?.opened?.(this.#database)
        this.#log = new EventLog(this.#database, this.#scanner, this.#path, now, internals?.indexPace)
        openInlineViews(this.#database, this.#log, options.inlineProjections ?? [])
      } catch (error) {
        this.#scanner.close()
        this.#database.close()
        throw error
      }
    } catch (error) {
      this.#lock[Symbol.dispose]()
      throw toStoreError(error, this.#path, 'opening')
    }
    this.#reader = new EventLogReader(this.#log)
    this.#commits = this.#createCommits()
    const host = { appended: this.#appended, position: () => this.#log.position, read: this.#read.bind(this) }
    const { inlineViews } = this.#log
    this.inlineViews = inlineViews === undefined ? undefined : new SqliteInlineViews(inlineViews, host)
    this.snapshotStore = new SqliteSnapshotStore(this.#database, this.#log, this.#commits, this.#path)
  }

  #createCommits(): GroupCommit {
    return new GroupCommit({
      database: this.#database,
      beforeCommit: () => {
        this.#log.index.mergeSome(this.#newEvents)
        if (this.#newEvents > 0) this.#log.inlineViews?.flush(this.#log.position)
      },
      afterCommit: () => {
        const { position } = this.#log
        if (this.#newEvents > 0) {
          this.#log.inlineViews?.committed(position)
          this.#appended.notify()
        }
        this.#newEvents = 0
      },
      afterRollback: () => {
        this.#newEvents = 0
        this.#log.inlineViews?.rolledBack()
        this.#log.reload()
      },
      toError: (error) => toWriteError(error, this.#path),
    })
  }

  async appendEvents(
    aggregate: AggregateRef,
    events: readonly NewEvent[],
    options: AppendOptions,
  ): Promise<AppendResult> {
    const prepared = prepareAppend(aggregate, events, options, this.limits, this.#newId)
    return this.#commits.enqueue(() => {
      const result = this.#log.append(aggregate, prepared, options)
      if (!result.isRepeat) this.#newEvents += prepared.length
      return result
    }, prepared.length)
  }

  async loadEvents(aggregate: AggregateRef, options?: LoadEventsOptions): Promise<readonly DomainEventEnvelope[]> {
    const checked = checkLoadOptions(options)
    // Who sets no limit wants everything, however much that is.
    const mostText = options?.limit === undefined ? Number.POSITIVE_INFINITY : mostTextAtOnce
    return this.#read(() => this.#log.events.load(aggregate, checked, mostText))
  }

  async readEvents(options?: ReadEventsOptions): Promise<EventPage> {
    const wanted = checkReadOptions(options)
    return this.#reader.readPage(wanted, (slice) => this.#read(slice))
  }

  subscribe(subjectPatterns: string | readonly string[], options?: SubscribeOptions): AsyncIterable<EventBatch> {
    const matches = subjectMatcher(subjectPatterns)
    const readBatch = this.#reader.createBatchReader(matches)
    return followLog({
      options,
      appended: this.#appended,
      readBatch: (afterPosition, batchSize) => this.#read(() => readBatch(afterPosition, batchSize)),
    })
  }

  async findCommand(aggregate: AggregateRef, commandId: string): Promise<CommandRecord | undefined> {
    return this.#read(() => this.#log.findCommand(aggregate, commandId))
  }

  async recordCommand(aggregate: AggregateRef, record: CommandRecord): Promise<CommandRecord> {
    checkCommandRecord(aggregate, record)
    return this.#commits.enqueue(() => this.#log.recordCommand(aggregate, record))
  }

  async headPosition(): Promise<number> {
    return this.#read(() => this.#log.position)
  }

  /**
   * Reads everything that is stored and looks for damage: in the structure of the file, in each event's checksum, in the
   * order of positions and sequences, in the indexes. Others may append and read meanwhile; only the check of the file's
   * structure holds them up, for about a second per gigabyte.
   * @returns what was found, in the order of positions as far as it has one
   */
  async verify(options?: EventStoreAuditOptions): Promise<EventStoreAudit> {
    checkOptions('verify', options, ['signal'])
    return auditEventStore(this.#database, this.#log, (read) => this.#read(read), options?.signal)
  }

  /**
   * Writes a copy of everything that is stored now to another file. Others may append and read meanwhile.
   *
   * Do not copy the file with other means while the store is open, and never inside its own process: to open and close the
   * file there drops the locks that POSIX systems keep for the process, and what is in the write-ahead log is missing.
   * @param path a file that does not exist yet; its folder must
   * @throws {StoreUnavailableError} when the file exists, or cannot be written
   * @throws {StoreFullError} when the disk is full
   */
  async backup(path: string): Promise<void> {
    this.#commits.assertUsable()
    await backUpDatabase(this.#path, resolveDatabasePath('backup', path))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#commits.close()
    this.#appended.notify()
    try {
      this.#scanner.close()
      if (this.#database.isOpen) this.#database.close()
    } finally {
      this.#lock[Symbol.dispose]()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #read<TResult>(read: () => TResult): TResult {
    this.#commits.assertUsable()
    try {
      return read()
    } catch (error) {
      throw toStoreError(error, this.#path, 'reading')
    }
  }
}

/** Only the owner of the lock writes: a key that is there already, though memory does not know it, is somebody else's. */
function toWriteError(error: unknown, path: string): Error {
  // What was written but could not be synced is found when the file is opened again, unless something was written over it.
  if (isIoError(error)) {
    return new StoreUnavailableError(
      `SQLite file ${path}: writing failed (${String(error)}). It is not known whether it is stored: after a restart it may be there, whole. ` +
        'Check the disk. Repeat it unchanged, with the same command id or event ids: nothing is stored twice.',
      { cause: error },
    )
  }
  if (!isDuplicateKey(error)) return toStoreError(error, path, 'writing')
  return new StoreLockedError(
    `SQLite file ${path}: somebody else has written to it while this store had it open (${String(error)}). Nothing was stored now. ` +
      'Stop every other program that writes to it, then open the store anew and verify it.',
    { cause: error },
  )
}
