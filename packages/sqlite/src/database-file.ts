/** Opens a database file with the settings that the guarantees need, and brings its schema up to date. */

import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { StoreCorruptError, StoreUnavailableError, StoreVersionError } from '@cim/core'
import type { Migration } from './migrations.ts'
import { isBusy, toStoreError } from './sqlite-errors.ts'

/** What {@link openDatabaseFile} needs. */
export interface DatabaseFileOptions {
  readonly path: string
  /** Marks files of one kind in their header, so that another kind is not opened by mistake. */
  readonly applicationId: number
  /** What the file holds, for messages. */
  readonly kind: string
  readonly migrations: readonly Migration[]
  /** FULL: every commit reaches the disk before it returns. NORMAL: a power failure may undo the newest commits, whole. */
  readonly synchronous: 'FULL' | 'NORMAL'
  readonly cacheMegabytes: number
}

/** How long to wait for another process that is about to open the same file. */
const lockTimeoutMs = 5000
const neverNotified = new Int32Array(new SharedArrayBuffer(4))

/** A write-ahead log that grew longer, because a reader held on to an old state, is cut to this many bytes. */
const longestIdleWal = 64 * 1024 * 1024

/** Of a database with one page of the smallest size. */
const smallestFileBytes = 512

/**
 * @throws {StoreCorruptError} when the file is not a database, or damaged
 * @throws {StoreVersionError} when it is of another kind, or written by a newer version
 * @throws {StoreUnavailableError} when it cannot be opened as it must
 */
export function openDatabaseFile(options: DatabaseFileOptions): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    refuseRemains(options.path)
    database = new DatabaseSync(options.path, { timeout: lockTimeoutMs, enableForeignKeyConstraints: false })
    checkKind(database, options)
    waitWhileBusy(database, (opened) => useWriteAheadLog(opened, options.path))
    database.exec(
      `PRAGMA synchronous = ${options.synchronous}; PRAGMA cache_size = ${-1024 * options.cacheMegabytes};
      PRAGMA journal_size_limit = ${longestIdleWal}`,
    )
    migrate(database, options)
    return database
  } catch (error) {
    if (database?.isOpen === true) database.close()
    throw toStoreError(error, options.path, 'opening')
  }
}

/** SQLite makes a new database of a file that has but one byte. */
function refuseRemains(path: string): void {
  const { size = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {}
  if (size === 0 || size >= smallestFileBytes) return
  throw new StoreCorruptError(
    `SQLite file ${path}: it has ${size} bytes, and so is not a SQLite database. Check the path, or restore a backup.`,
  )
}

/** Both numbers are of one moment: another process may be about to make the schema. */
function checkKind(database: DatabaseSync, { path, applicationId, kind }: DatabaseFileOptions): void {
  database.exec('BEGIN')
  const found = pragma(database, 'application_id')
  const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as {
    readonly tables: number
  }
  database.exec('COMMIT')
  if (found === applicationId || (found === 0 && tables === 0)) return
  throw new StoreVersionError(
    `SQLite file ${path}: it exists and is not ${kind} of this software. Choose another path.`,
  )
}

/** For what SQLite does not wait for by itself: two processes that switch a new file to the write-ahead log at once. */
function waitWhileBusy(database: DatabaseSync, attempt: (database: DatabaseSync) => void): void {
  const deadline = performance.now() + lockTimeoutMs
  for (;;) {
    try {
      attempt(database)
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error
      Atomics.wait(neverNotified, 0, 0, 5)
    }
  }
}

function useWriteAheadLog(database: DatabaseSync, path: string): void {
  const mode = Object.values(database.prepare('PRAGMA journal_mode = WAL').get() ?? {})[0]
  if (mode === 'wal') return
  throw new StoreUnavailableError(
    `SQLite file ${path}: its file system has no room for a write-ahead log beside it (journal mode is ${mode}). Choose a local disk.`,
  )
}

function migrate(database: DatabaseSync, options: DatabaseFileOptions): void {
  if (missingMigrations(database, options).length === 0) return
  database.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have been faster.
    const missing = missingMigrations(database, options)
    database.exec(`PRAGMA application_id = ${options.applicationId}`)
    for (const { sql, convert, version } of missing) {
      database.exec(sql)
      convert?.(database)
      database.exec(`PRAGMA user_version = ${version}`)
    }
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function missingMigrations(
  database: DatabaseSync,
  { path, kind, migrations }: DatabaseFileOptions,
): readonly Migration[] {
  const version = pragma(database, 'user_version')
  const newest = migrations.at(-1)?.version ?? 0
  if (version > newest) {
    throw new StoreVersionError(
      `SQLite file ${path}: ${kind} has schema version ${version}, this program knows versions up to ${newest}. Run a newer program.`,
    )
  }
  return migrations.filter((migration) => migration.version > version)
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])
}
