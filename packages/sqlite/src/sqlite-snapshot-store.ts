/** Snapshots in the event store's own file. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import {
  type AggregateRef,
  checkWholeNumber,
  encodeJson,
  problemWithId,
  type Snapshot,
  type SnapshotStore,
  ValidationError,
} from '@cim/core'
import type { EventLog } from './event-log.ts'
import type { GroupCommit } from './group-commit.ts'
import { eventStoreSql } from './sql.ts'
import { toStoreError } from './sqlite-errors.ts'

interface SnapshotRow extends Omit<Snapshot, 'state'> {
  readonly checksum: number
  /** JSON. */
  readonly state: string
}

/**
 * Reads at once; writes together with the appends of the same turn. A damaged snapshot is none: the aggregate is then
 * loaded from its events. Made by {@link SqliteEventStore}.
 */
export class SqliteSnapshotStore implements SnapshotStore {
  readonly #log: EventLog
  readonly #commits: GroupCommit
  readonly #path: string
  readonly #select: StatementSync
  readonly #upsert: StatementSync

  constructor(database: DatabaseSync, log: EventLog, commits: GroupCommit, path: string) {
    this.#log = log
    this.#commits = commits
    this.#path = path
    this.#select = database.prepare(eventStoreSql.selectSnapshot)
    this.#upsert = database.prepare(eventStoreSql.upsertSnapshot)
  }

  async loadSnapshot(aggregate: AggregateRef, fingerprint: string): Promise<Snapshot | undefined> {
    this.#commits.assertUsable()
    try {
      const head = this.#log.aggregates.find(aggregate)
      const row = head === undefined ? undefined : (this.#select.get(head.key) as SnapshotRow | undefined)
      if (head === undefined || row === undefined || row.fingerprint !== fingerprint) return undefined
      if (row.checksum !== checksumOf(head.key, row, row.state)) return undefined
      const { version, position, timestamp } = row
      return { version, position, timestamp, fingerprint, state: JSON.parse(row.state) as unknown }
    } catch (error) {
      throw toStoreError(error, this.#path, 'reading a snapshot')
    }
  }

  async saveSnapshot(aggregate: AggregateRef, snapshot: Snapshot): Promise<void> {
    const { version, position, timestamp, fingerprint } = snapshot
    // A mistake in one snapshot must not fail the appends that share its transaction.
    const problem = problemWithId(aggregate.aggregateId)
    if (problem !== undefined)
      throw new ValidationError('aggregate id', [{ pointer: '/aggregateId', message: problem }])
    checkWholeNumber('saveSnapshot', 'version', version, { least: 0 })
    checkWholeNumber('saveSnapshot', 'position', position, { least: 0 })
    const { text } = encodeJson(snapshot.state)
    await this.#commits.enqueue(() => {
      const { key } = this.#log.aggregates.intern(
        aggregate,
        this.#log.names.internAggregateType(aggregate.aggregateType),
      )
      this.#upsert.run(key, version, position, timestamp, fingerprint, checksumOf(key, snapshot, text), text)
    })
  }
}

function checksumOf(key: number, snapshot: Omit<Snapshot, 'state'>, state: string): number {
  const { version, position, timestamp, fingerprint } = snapshot
  return crc32(`${key} ${version} ${position} ${timestamp} ${fingerprint}\n${state}`)
}
