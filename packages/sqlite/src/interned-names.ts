/** Small numbers for the names of aggregate types and event types. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { StoreCorruptError } from '@cim/core'
import { eventStoreSql } from './sql.ts'

/** An event type with the names behind its number. */
export interface EventTypeNames {
  readonly key: number
  readonly aggregateTypeKey: number
  readonly aggregateType: string
  readonly eventType: string
}

/** All names are in memory: an application has few. */
export class InternedNames {
  readonly #selectAggregateTypes: StatementSync
  readonly #selectEventTypes: StatementSync
  readonly #insertAggregateType: StatementSync
  readonly #insertEventType: StatementSync
  readonly #findAggregateType: StatementSync
  readonly #findEventType: StatementSync
  readonly #path: string
  readonly #aggregateTypes = new Map<string, number>()
  readonly #eventTypes = new Map<number, EventTypeNames>()
  readonly #eventTypeKeys = new Map<string, number>()

  /** @param path the file, for messages */
  constructor(database: DatabaseSync, path: string) {
    this.#path = path
    this.#selectAggregateTypes = database.prepare(eventStoreSql.selectAggregateTypes)
    this.#selectEventTypes = database.prepare(eventStoreSql.selectEventTypes)
    this.#insertAggregateType = database.prepare(eventStoreSql.insertAggregateType)
    this.#insertEventType = database.prepare(eventStoreSql.insertEventType)
    this.#findAggregateType = database.prepare(eventStoreSql.findAggregateType)
    this.#findEventType = database.prepare(eventStoreSql.findEventType)
    this.reload()
  }

  /**
   * Reads all names from the file.
   * @throws {StoreCorruptError} when one is not the same in its table and in the index of the table
   */
  reload(): void {
    this.#aggregateTypes.clear()
    this.#eventTypes.clear()
    this.#eventTypeKeys.clear()
    const namesByKey = new Map<number, string>()
    for (const row of this.#selectAggregateTypes.all() as { key: number; name: string }[]) {
      this.#check(row, this.#findAggregateType.get(row.name))
      this.#aggregateTypes.set(row.name, row.key)
      namesByKey.set(row.key, row.name)
    }
    for (const row of this.#selectEventTypes.all() as { key: number; aggregate_type: number; name: string }[]) {
      this.#check(row, this.#findEventType.get(row.aggregate_type, row.name))
      const aggregateType = namesByKey.get(row.aggregate_type) ?? ''
      this.#remember({ key: row.key, aggregateTypeKey: row.aggregate_type, aggregateType, eventType: row.name })
    }
  }

  /** @returns every event type that was ever stored */
  eventTypes(): Iterable<EventTypeNames> {
    return this.#eventTypes.values()
  }

  /** How many event types there are: changes when a new one comes. */
  get eventTypeCount(): number {
    return this.#eventTypes.size
  }

  eventType(key: number): EventTypeNames | undefined {
    return this.#eventTypes.get(key)
  }

  /** @returns the key of an aggregate type, undefined when nothing of it is stored */
  findAggregateType(name: string): number | undefined {
    return this.#aggregateTypes.get(name)
  }

  /** Inside a transaction: finds or makes the key of an aggregate type. */
  internAggregateType(name: string): number {
    const known = this.#aggregateTypes.get(name)
    if (known !== undefined) return known
    const { key } = this.#insertAggregateType.get(name) as { key: number }
    this.#aggregateTypes.set(name, key)
    return key
  }

  /** Inside a transaction: finds or makes the key of an event type. */
  internEventType(aggregateTypeKey: number, aggregateType: string, eventType: string): number {
    const known = this.#eventTypeKeys.get(`${aggregateTypeKey} ${eventType}`)
    if (known !== undefined) return known
    const { key } = this.#insertEventType.get(aggregateTypeKey, eventType) as { key: number }
    this.#remember({ key, aggregateTypeKey, aggregateType, eventType })
    return key
  }

  /** The file has each name twice, and damage to one of them is not damage to the other. */
  #check(row: { readonly key: number; readonly name: string }, found: Record<string, unknown> | undefined): void {
    if (found?.key === row.key) return
    throw new StoreCorruptError(
      `SQLite file ${this.#path}: the type ${JSON.stringify(row.name)} is not what was written. Keep a copy of the file, and restore a backup.`,
    )
  }

  #remember(names: EventTypeNames): void {
    this.#eventTypes.set(names.key, names)
    this.#eventTypeKeys.set(`${names.aggregateTypeKey} ${names.eventType}`, names.key)
  }
}
