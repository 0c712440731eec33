/** Every SQL statement about processors, by name. */

/** Of the connection that writes. */
export const progressSql = {
  /** The one statement of a step. */
  save: `UPDATE processors SET position = ?, seen_count = ?, seen_checksum = ?, lease_until = ?
    WHERE name = ? AND epoch = ? AND position = ? AND revision = ?`,
  select: 'SELECT * FROM processors WHERE name = ?',
  insert: 'INSERT OR IGNORE INTO processors (name) VALUES (?)',
  /** Before the first claim: where the processor begins. */
  begin: 'UPDATE processors SET position = ?1, seen_after = ?1 WHERE name = ?2 AND epoch = 0 AND position = 0',
  claim: `UPDATE processors SET epoch = epoch + 1, owner = ?, lease_until = ?, owner_machine = ?, owner_process = ?,
    owner_process_start = ? WHERE name = ? RETURNING epoch`,
  renew: 'UPDATE processors SET lease_until = ? WHERE name = ? AND epoch = ? RETURNING *',
  release: `UPDATE processors SET owner = NULL, lease_until = 0, owner_machine = NULL, owner_process = NULL,
    owner_process_start = NULL WHERE name = ? AND epoch = ?`,
  setPaused: 'UPDATE processors SET is_paused = ? WHERE name = ?',
  move: `UPDATE processors SET position = ?1, replay_until = max(replay_until, position), seen_after = ?1, seen_count = 0, seen_checksum = 0, epoch = epoch + 1,
    revision = revision + 1, owner = NULL, owner_machine = NULL, owner_process = NULL, owner_process_start = NULL
    WHERE name = ?2`,
  /** The epoch goes on: what its last owner saves late is refused whoever runs it next. */
  forget: `UPDATE processors SET position = 0, replay_until = 0, seen_after = 0, seen_count = 0, seen_checksum = 0,
    epoch = epoch + 1, revision = revision + 1, owner = NULL, lease_until = 0, owner_machine = NULL,
    owner_process = NULL, owner_process_start = NULL, is_paused = 0 WHERE name = ?`,
  riseRevision: 'UPDATE processors SET revision = revision + 1 WHERE name = ?',
} as const

const filtered = `processor = $processor AND ($aggregateType IS NULL OR aggregate_type = $aggregateType)
  AND ($aggregateId IS NULL OR aggregate_id = $aggregateId) AND ($state IS NULL OR state = $state)
  AND ($eventType IS NULL OR event_type = $eventType) AND ($failureName IS NULL OR failure_name = $failureName)`

const columns = `processor, aggregate_type, aggregate_id, state, from_sequence, from_position, to_sequence, to_position,
  event_count, attempts, event_type, failure_name, failure, first_failed_at, last_failed_at, next_attempt_at`

/** Of the connection that writes. */
export const deadLetterSql = {
  put: `INSERT INTO dead_letters (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (processor, aggregate_type, aggregate_id) DO UPDATE SET state = excluded.state,
      from_sequence = excluded.from_sequence, from_position = excluded.from_position,
      to_sequence = excluded.to_sequence, to_position = excluded.to_position, event_count = excluded.event_count,
      attempts = excluded.attempts, event_type = excluded.event_type, failure_name = excluded.failure_name,
      failure = excluded.failure, first_failed_at = excluded.first_failed_at, last_failed_at = excluded.last_failed_at,
      next_attempt_at = excluded.next_attempt_at` as string,
  resolve: 'DELETE FROM dead_letters WHERE processor = ? AND aggregate_type = ? AND aggregate_id = ?',
  clear: 'DELETE FROM dead_letters WHERE processor = ?',
  clearDiscarded: 'DELETE FROM discarded_dead_letters WHERE processor = ?',
  retry: `UPDATE dead_letters SET state = 'retrying', next_attempt_at = $at WHERE ${filtered}` as string,
  recordDiscarded: `INSERT INTO discarded_dead_letters (${columns}, reason, discarded_by, discarded_at)
    SELECT processor, aggregate_type, aggregate_id, state, from_sequence, from_position,
      iif($isFirstOnly AND event_count > 1, from_sequence, to_sequence),
      iif($isFirstOnly AND event_count > 1, from_position, to_position),
      iif($isFirstOnly AND event_count > 1, 1, event_count), attempts, event_type, failure_name, failure, first_failed_at, last_failed_at,
      next_attempt_at, $reason, $discardedBy, $at
    FROM dead_letters WHERE ${filtered} AND (NOT $isFirstOnly OR attempts > 0) ORDER BY key` as string,
  discard:
    `DELETE FROM dead_letters WHERE ${filtered} AND (NOT $isFirstOnly OR (attempts > 0 AND event_count <= 1))` as string,
  discardFirst: `UPDATE dead_letters SET from_sequence = from_sequence + 1, from_position = from_position + 1,
    event_count = event_count - 1, attempts = 0, state = 'retrying', next_attempt_at = $at WHERE ${filtered} AND attempts > 0` as string,
} as const

/** Of the connection that reads. */
export const deadLetterReadSql = {
  list: `SELECT * FROM dead_letters WHERE ${filtered} AND key > $after ORDER BY key LIMIT $limit` as string,
  count: `SELECT state, count(*) AS sequences, sum(event_count) AS events FROM dead_letters WHERE processor = ?
    GROUP BY state`,
  listDiscarded: 'SELECT * FROM discarded_dead_letters WHERE processor = ? ORDER BY key DESC LIMIT ?',
} as const
