/** The ceilings of an append: what a plain loop over `node:sqlite` can write. */

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { createUuidGenerator } from '@cim/core'
import { personEventContent } from '../domain/person-events.ts'
import type { Persons } from '../domain/persons.ts'

/**
 * `log only`: the events and nothing that finds them. `indexes in place`: with every event, what finds it by aggregate
 * (which is also what would notice two events with one sequence), by type, and by correlation id.
 */
export type RawLayout = 'log only' | 'indexes in place'

const events = `
  CREATE TABLE events (
    position INTEGER PRIMARY KEY, aggregate INTEGER NOT NULL, sequence INTEGER NOT NULL, event_type INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL, envelope TEXT NOT NULL, data TEXT NOT NULL
  ) STRICT`
// Of several plain layouts this was the fastest: hashes of the correlation ids would lie scattered over the index, and
// the time-ordered ids themselves do not.
const indexes = `
  CREATE TABLE aggregate_index (
    aggregate INTEGER NOT NULL, sequence INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (aggregate, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE type_index (
    aggregate_type INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (aggregate_type, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX correlation_index ON events (substr(envelope, 51))`
const insertEvent = 'INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)'

/**
 * Writes events as the event store keeps them, and leaves out whatever is not writing: no promises, no checks, no
 * checksums, no results. Ids are made and data is turned into JSON, as everyone has to.
 */
export class RawEventLog implements Disposable {
  readonly #database: DatabaseSync
  readonly #insertEvent: StatementSync
  readonly #insertIndexes: readonly [StatementSync, StatementSync] | undefined
  readonly #newId = createUuidGenerator()
  #position = 0

  constructor(path: string, layout: RawLayout) {
    this.#database = new DatabaseSync(path)
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536')
    this.#database.exec(layout === 'log only' ? events : `${events}; ${indexes}`)
    this.#insertEvent = this.#database.prepare(insertEvent)
    this.#insertIndexes =
      layout === 'log only'
        ? undefined
        : [
            this.#database.prepare('INSERT INTO aggregate_index VALUES (?, ?, ?)'),
            this.#database.prepare('INSERT INTO type_index VALUES (1, ?)'),
          ]
  }

  /** Appends one event to each of so many persons, in one transaction. */
  appendBatch(persons: Persons, size: number): void {
    this.#database.exec('BEGIN IMMEDIATE')
    for (let caller = 0; caller < size; caller++) this.#append(persons, persons.choose(caller, size))
    this.#database.exec('COMMIT')
  }

  /** Appends many events fast, before anything is measured. */
  fill(persons: Persons, count: number): void {
    this.#database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -1048576')
    for (let left = count; left > 0; left -= 20_000) this.appendBatch(persons, Math.min(left, 20_000))
    this.#database.exec(
      'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA shrink_memory',
    )
  }

  #append(persons: Persons, index: number): void {
    const sequence = (persons.versions[index] ?? 0) + 1
    persons.versions[index] = sequence
    const position = ++this.#position
    const { eventType, eventData } = personEventContent(sequence, persons.nextContent())
    this.#insertEvent.run(
      position,
      index,
      sequence,
      eventType.length,
      Date.now(),
      // A checksum, the schema version, no command, the event's id and the correlation id.
      `01234567 1 - ${this.#newId()} ${this.#newId()}`,
      JSON.stringify(eventData),
    )
    if (this.#insertIndexes === undefined) return
    const [insertAggregateEntry, insertTypeEntry] = this.#insertIndexes
    insertAggregateEntry.run(index, sequence, position)
    insertTypeEntry.run(position)
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}
