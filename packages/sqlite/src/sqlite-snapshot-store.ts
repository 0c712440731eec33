/** Snapshots in the event store's own file. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type AggregateRef, encodeJson, type Snapshot, type SnapshotStore } from '@cim/core'
import type { EventLog } from './event-log.ts'
import type { GroupCommit } from './group-commit.ts'
import { eventStoreSql } from './sql.ts'

/** Reads at once; writes together with the appends of the same turn. Made by {@link SqliteEventStore}. */
export class SqliteSnapshotStore implements SnapshotStore {
  readonly #log: EventLog
  readonly #commits: GroupCommit
  readonly #select: StatementSync
  readonly #upsert: StatementSync

  constructor(database: DatabaseSync, log: EventLog, commits: GroupCommit) {
    this.#log = log
    this.#commits = commits
    this.#select = database.prepare(eventStoreSql.selectSnapshot)
    this.#upsert = database.prepare(eventStoreSql.upsertSnapshot)
  }

  async loadSnapshot(aggregate: AggregateRef, fingerprint: string): Promise<Snapshot | undefined> {
    const head = this.#log.aggregates.find(aggregate)
    const row =
      head === undefined
        ? undefined
        : (this.#select.get(head.key) as (Omit<Snapshot, 'state'> & { readonly state: string }) | undefined)
    if (row === undefined || row.fingerprint !== fingerprint) return undefined
    const { version, position, timestamp } = row
    return { version, position, timestamp, fingerprint, state: JSON.parse(row.state) as unknown }
  }

  async saveSnapshot(aggregate: AggregateRef, snapshot: Snapshot): Promise<void> {
    const { version, position, timestamp, fingerprint } = snapshot
    const { text } = encodeJson(snapshot.state)
    await this.#commits.enqueue(() => {
      const head = this.#log.aggregates.intern(aggregate, this.#log.names.internAggregateType(aggregate.aggregateType))
      this.#upsert.run(head.key, version, position, timestamp, fingerprint, text)
    })
  }
}
