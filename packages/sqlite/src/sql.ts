/** Every SQL statement of the event store, by name. */

const eventColumns = 'position, aggregate, sequence, event_type, recorded_at, envelope, data'

/** As `eventColumns`, but NULL for data of more than so many bytes: see event-rows.ts. */
const boundedColumns = `events.position, events.aggregate, events.sequence, events.event_type, events.recorded_at,
  events.envelope, CASE WHEN octet_length(events.data) <= 16384 THEN events.data END`

/** The log and what belongs to it. */
export const eventStoreSql = {
  selectHead: 'SELECT position, recorded_at FROM events ORDER BY position DESC LIMIT 1',
  selectIndexedPosition: 'SELECT indexed_position FROM log_index',
  selectAggregateTypes: 'SELECT key, name FROM aggregate_types',
  selectEventTypes: 'SELECT key, aggregate_type, name FROM event_types',
  // Answered by the index of the table alone.
  findAggregateType: 'SELECT key FROM aggregate_types WHERE name = ?',
  findEventType: 'SELECT key FROM event_types WHERE aggregate_type = ? AND name = ?',
  insertAggregateType: 'INSERT INTO aggregate_types (name) VALUES (?) RETURNING key',
  insertEventType: 'INSERT INTO event_types (aggregate_type, name) VALUES (?, ?) RETURNING key',
  selectAggregate: 'SELECT key FROM aggregates WHERE aggregate_type = ? AND id = ?',
  selectAggregateByKey: 'SELECT aggregate_type, id FROM aggregates WHERE key = ?',
  insertAggregate: 'INSERT INTO aggregates (aggregate_type, id) VALUES (?, ?) RETURNING key',
  insertEvent: `INSERT INTO events (${eventColumns}) VALUES (?, ?, ?, ?, ?, ?, ?)` as string,
  selectIndexEntriesAfter: `SELECT position, aggregate, sequence, event_type, envelope FROM events
    WHERE position > ? ORDER BY position LIMIT ?`,
  selectTime: 'SELECT recorded_at FROM events WHERE position = ?',
  selectSnapshot:
    'SELECT version, position, timestamp, fingerprint, checksum, state FROM snapshots WHERE aggregate = ?',
  upsertSnapshot: `INSERT INTO snapshots (aggregate, version, position, timestamp, fingerprint, checksum, state)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (aggregate) DO UPDATE SET version = excluded.version, position = excluded.position,
      timestamp = excluded.timestamp, fingerprint = excluded.fingerprint, checksum = excluded.checksum,
      state = excluded.state`,
} as const

/** Rows of the log. */
export const rowsSql = {
  selectBetween: `SELECT ${boundedColumns} FROM events WHERE position > ? AND position <= ?
    ORDER BY position LIMIT ?` as string,
  selectOfTypesBetween: `SELECT ${boundedColumns} FROM events
    WHERE position > ? AND position <= ? AND event_type IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT ?` as string,
  selectAt: `SELECT ${boundedColumns} FROM events
    WHERE position IN (SELECT value FROM json_each(?)) ORDER BY position` as string,
  selectOfTypesAt: `SELECT ${boundedColumns} FROM events
    WHERE position IN (SELECT value FROM json_each(?)) AND event_type IN (SELECT value FROM json_each(?))
    ORDER BY position` as string,
  selectOfAggregate: `SELECT ${boundedColumns}
    FROM aggregate_index JOIN events ON events.position = aggregate_index.position
    WHERE aggregate_index.aggregate = ? AND aggregate_index.sequence BETWEEN ? AND ?
    ORDER BY aggregate_index.sequence` as string,
  selectData: 'SELECT data FROM events WHERE position = ?',
} as const

/** What became of commands. */
export const commandSql = {
  selectCommandEvent: 'SELECT aggregate, sequence, recorded_at, envelope FROM events WHERE position = ?',
  selectCommand: `SELECT fingerprint, status, version, position, timestamp, reason FROM commands
    WHERE command_hash = ? AND aggregate = ? AND command_id = ?`,
  insertCommand: `INSERT INTO commands
    (command_hash, aggregate, command_id, fingerprint, status, version, position, timestamp, reason)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
} as const

/** Writes the indexes behind the log. An entry may be there already when a crash interrupted a run. */
export const indexEntriesSql = {
  aggregateEntries: {
    before: 'INSERT OR IGNORE INTO aggregate_index (aggregate, sequence, position) VALUES ',
    row: '(?, ?, ?)',
  },
  causeEntries: { before: 'INSERT OR IGNORE INTO cause_index (hash, position) VALUES ', row: '(?, ?)' },
  typeEntries: { before: 'INSERT OR IGNORE INTO type_index (aggregate_type, position) VALUES ', row: '(?, ?)' },
} as const

/** Reads the indexes behind the log. */
export const indexSql = {
  setIndexedPosition: 'UPDATE log_index SET indexed_position = ?',
  selectVersion: 'SELECT max(sequence) FROM aggregate_index WHERE aggregate = ?',
  selectPosition: 'SELECT position FROM aggregate_index WHERE aggregate = ? AND sequence = ?',
  selectCausePositions: `SELECT position FROM cause_index
    WHERE hash = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?`,
  selectTypePositions: `SELECT position FROM type_index
    WHERE aggregate_type = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?`,
} as const

/** Reads everything once, page by page. */
export const auditSql = {
  quickCheck: 'PRAGMA quick_check(1000)',
  aggregateEntries: `SELECT aggregate, sequence, position FROM aggregate_index
    WHERE (aggregate, sequence) > (?, ?) ORDER BY aggregate, sequence LIMIT ?`,
  causeEntries: `SELECT hash, position, position FROM cause_index
    WHERE (hash, position) > (?, ?) ORDER BY hash, position LIMIT ?`,
  typeEntries: `SELECT aggregate_type, position, position FROM type_index
    WHERE (aggregate_type, position) > (?, ?) ORDER BY aggregate_type, position LIMIT ?`,
  snapshots: 'SELECT aggregate, version, position FROM snapshots WHERE aggregate > ? ORDER BY aggregate LIMIT ?',
} as const
