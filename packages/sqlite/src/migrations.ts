/** The schemas, as numbered steps. A step is never changed once released: add the next one. */

import type { DatabaseSync } from 'node:sqlite'
import { convertEventRows } from './event-rows-v2.ts'

/** One step from a schema version to the next, in one transaction. */
export interface Migration {
  /** The schema version after it, from 1. */
  readonly version: number
  readonly sql: string
  /** Runs after the SQL: what SQL alone cannot do. */
  readonly convert?: (database: DatabaseSync) => void
}

/**
 * The event store. Everything is found through tables that are written behind the log (see log-index.ts); an append
 * itself only ever writes at the end of `events`.
 */
export const eventStoreMigrations: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE aggregate_types (
        key INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
      ) STRICT;

      CREATE TABLE event_types (
        key INTEGER PRIMARY KEY,
        aggregate_type INTEGER NOT NULL,
        name TEXT NOT NULL,
        UNIQUE (aggregate_type, name)
      ) STRICT;

      CREATE TABLE aggregates (
        key INTEGER PRIMARY KEY,
        aggregate_type INTEGER NOT NULL,
        id TEXT NOT NULL,
        UNIQUE (aggregate_type, id)
      ) STRICT;

      -- The log. causation_id and command_id are '' when they equal the column before them.
      CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        aggregate INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        event_type INTEGER NOT NULL,
        schema_version INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL, -- milliseconds since 1970, never less than at the position before
        event_id TEXT NOT NULL,
        correlation_id TEXT,
        command_id TEXT,
        causation_id TEXT,
        user_id TEXT,
        session_id TEXT,
        command_fingerprint INTEGER,
        checksum INTEGER NOT NULL, -- CRC-32 of all the others, see event-row.ts
        data TEXT NOT NULL -- JSON
      ) STRICT;

      -- Outcomes of commands that made no events.
      CREATE TABLE commands (
        command_hash INTEGER NOT NULL,
        aggregate INTEGER NOT NULL,
        command_id TEXT NOT NULL,
        fingerprint INTEGER NOT NULL,
        status TEXT NOT NULL,
        version INTEGER NOT NULL,
        position INTEGER NOT NULL,
        timestamp TEXT NOT NULL,
        reason TEXT, -- JSON
        PRIMARY KEY (command_hash, aggregate, command_id)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE snapshots (
        aggregate INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,
        position INTEGER NOT NULL,
        timestamp TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        checksum INTEGER NOT NULL, -- CRC-32 of all the others, see sqlite-snapshot-store.ts
        state TEXT NOT NULL -- JSON
      ) STRICT;

      -- The indexes behind the log. They hold every event up to indexed_position, and perhaps some after it.
      CREATE TABLE aggregate_index (
        aggregate INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (aggregate, sequence)
      ) STRICT, WITHOUT ROWID;

      -- By hash of correlation id and command id.
      CREATE TABLE cause_index (
        hash INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (hash, position)
      ) STRICT, WITHOUT ROWID;

      -- By aggregate type and time: time rises with position.
      CREATE TABLE type_index (
        aggregate_type INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (aggregate_type, position)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE log_index (
        indexed_position INTEGER NOT NULL
      ) STRICT;
      INSERT INTO log_index VALUES (0);
    `,
  },
  {
    version: 2,
    sql: `
      -- In-line views, as in a view store. Each has tables of its own beside these; see view-tables.ts.
      CREATE TABLE views (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        build INTEGER NOT NULL,
        indexes TEXT NOT NULL, -- JSON array of the index names, in the order of their keys
        documents_table TEXT NOT NULL, -- its index entries are in a table of that name and '_index'
        checkpoint INTEGER NOT NULL,
        state TEXT NOT NULL,
        promoted_at TEXT,
        UNIQUE (name, version, build)
      ) STRICT;
    `,
  },
  {
    // Fewer columns: each one of each row takes time to read. See docs/decisions/0012.
    version: 3,
    sql: `
      ALTER TABLE events RENAME TO events_before;
      CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        aggregate INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        event_type INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL, -- milliseconds since 1970, never less than at the position before
        envelope TEXT NOT NULL, -- checksum, schema version, command and ids: see packed-envelope.ts
        data TEXT NOT NULL -- JSON
      ) STRICT;
    `,
    convert: (database) => {
      convertEventRows(database)
      database.exec('DROP TABLE events_before')
    },
  },
]

/** The view store. Each view has tables of its own beside these; see view-tables.ts. */
export const viewStoreMigrations: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE views (
        key INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        indexes TEXT NOT NULL, -- JSON array of the index names, in the order of their keys
        documents_table TEXT NOT NULL, -- its index entries are in a table of that name and '_index'
        checkpoint INTEGER NOT NULL,
        UNIQUE (name, version)
      ) STRICT;
    `,
  },
  {
    // Builds of views, and the progress of the processors that keep them. What was there before was read by queries.
    version: 2,
    sql: `
      ALTER TABLE views RENAME TO views_before;
      CREATE TABLE views (
        key INTEGER PRIMARY KEY AUTOINCREMENT, -- never that of a view that was dropped
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        build INTEGER NOT NULL,
        indexes TEXT NOT NULL, -- JSON array of the index names, in the order of their keys
        documents_table TEXT NOT NULL, -- its index entries are in a table of that name and '_index'
        checkpoint INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('building', 'live', 'retired')),
        promoted_at TEXT, -- ISO-8601: when it became live the last time
        UNIQUE (name, version, build)
      ) STRICT;
      CREATE UNIQUE INDEX live_views ON views (name) WHERE state = 'live';
      INSERT INTO views
        SELECT key, name, version, 1, indexes, documents_table, checkpoint,
          iif(version = max(version) OVER (PARTITION BY name), 'live', 'retired'), strftime('%Y-%m-%dT%H:%M:%fZ')
        FROM views_before;
      DROP TABLE views_before;

      CREATE TABLE processors (
        name TEXT PRIMARY KEY,
        position INTEGER NOT NULL DEFAULT 0,
        replay_until INTEGER NOT NULL DEFAULT 0,
        seen_count INTEGER NOT NULL DEFAULT 0,
        seen_checksum INTEGER NOT NULL DEFAULT 0,
        seen_after INTEGER NOT NULL DEFAULT 0,
        epoch INTEGER NOT NULL DEFAULT 0,
        revision INTEGER NOT NULL DEFAULT 0,
        is_paused INTEGER NOT NULL DEFAULT 0,
        lease_until REAL NOT NULL DEFAULT 0, -- milliseconds since 1970
        owner TEXT,
        -- The process that the claim was given to, see claim-holder.ts.
        owner_machine TEXT,
        owner_process INTEGER,
        owner_process_start REAL
      ) STRICT, WITHOUT ROWID;
      INSERT INTO processors (name, position, seen_after)
        SELECT name || '@' || version, checkpoint, checkpoint FROM views;

      CREATE TABLE dead_letters (
        key INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order in which they failed first
        processor TEXT NOT NULL,
        aggregate_type TEXT NOT NULL,
        aggregate_id TEXT NOT NULL,
        state TEXT NOT NULL,
        from_sequence INTEGER NOT NULL,
        from_position INTEGER NOT NULL,
        to_sequence INTEGER NOT NULL,
        to_position INTEGER NOT NULL,
        event_count INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        event_type TEXT NOT NULL,
        failure_name TEXT NOT NULL,
        failure TEXT NOT NULL, -- JSON
        first_failed_at TEXT NOT NULL,
        last_failed_at TEXT NOT NULL,
        next_attempt_at TEXT,
        UNIQUE (processor, aggregate_type, aggregate_id)
      ) STRICT;
      CREATE INDEX dead_letters_in_order ON dead_letters (processor, key);

      CREATE TABLE discarded_dead_letters (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        processor TEXT NOT NULL,
        aggregate_type TEXT NOT NULL,
        aggregate_id TEXT NOT NULL,
        state TEXT NOT NULL,
        from_sequence INTEGER NOT NULL,
        from_position INTEGER NOT NULL,
        to_sequence INTEGER NOT NULL,
        to_position INTEGER NOT NULL,
        event_count INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        event_type TEXT NOT NULL,
        failure_name TEXT NOT NULL,
        failure TEXT NOT NULL, -- JSON
        first_failed_at TEXT NOT NULL,
        last_failed_at TEXT NOT NULL,
        next_attempt_at TEXT,
        reason TEXT NOT NULL,
        discarded_by TEXT,
        discarded_at TEXT NOT NULL
      ) STRICT;
      CREATE INDEX discarded_in_order ON discarded_dead_letters (processor, key);
    `,
  },
  {
    // Which build was live before is said by a counter: a clock may be set back. What is live now was promoted last.
    version: 3,
    sql: `
      ALTER TABLE views ADD COLUMN promotion INTEGER; -- rises among all builds of a name; null when never promoted
      UPDATE views SET promotion = counted.promotion FROM (
        SELECT key, row_number() OVER (PARTITION BY name ORDER BY state = 'live', promoted_at, version, build) AS promotion
          FROM views WHERE promoted_at IS NOT NULL
      ) AS counted WHERE counted.key = views.key;
    `,
  },
]
