/** The ceiling of loading an aggregate: its rows, read and parsed in a plain loop. */

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type DomainEvent, emptyAggregate } from '@cim/core'
import { person } from '../domain/person.ts'

const ownIndex = `
  CREATE TEMP TABLE by_aggregate (
    aggregate INTEGER NOT NULL, sequence INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (aggregate, sequence)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO by_aggregate SELECT aggregate, sequence, position FROM events ORDER BY aggregate, sequence`

/**
 * Reads a file that the event store has written, while no store has it open. Knows its tables; checks nothing that it
 * reads.
 */
export class RawLoads implements Disposable {
  readonly #database: DatabaseSync
  readonly #select: StatementSync
  readonly #eventTypes: ReadonlyMap<number, string>
  readonly #keys: ReadonlyMap<string, number>

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readOnly: true })
    // An index of its own, in memory: the store's may not have every entry in its table yet.
    this.#database.exec(`PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; ${ownIndex}`)
    this.#select = this.#database.prepare(
      `SELECT events.event_type, events.data FROM by_aggregate JOIN events ON events.position = by_aggregate.position
       WHERE by_aggregate.aggregate = ? ORDER BY by_aggregate.sequence`,
    )
    this.#select.setReturnArrays(true)
    this.#eventTypes = new Map(this.#pairs('SELECT key, name FROM event_types') as [number, string][])
    this.#keys = new Map(this.#pairs('SELECT id, key FROM aggregates') as [string, number][])
  }

  /** @returns how many events the person's state was folded from */
  load(aggregateId: string): number {
    const rows = this.#select.all(this.#keys.get(aggregateId) ?? 0) as unknown as readonly [number, string][]
    let { state } = emptyAggregate(person, aggregateId)
    for (const [eventType, data] of rows) {
      const event = { eventType: this.#eventTypes.get(eventType) ?? '', data: JSON.parse(data) as unknown }
      state = person.apply(state, event as DomainEvent)
    }
    return rows.length
  }

  #pairs(sql: string): readonly unknown[] {
    const statement = this.#database.prepare(sql)
    statement.setReturnArrays(true)
    return statement.all()
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}
