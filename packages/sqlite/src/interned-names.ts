/** Small numbers for the names of aggregate types and event types. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
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
  readonly #aggregateTypes = new Map<string, number>()
  readonly #eventTypes = new Map<number, EventTypeNames>()
  readonly #eventTypeKeys = new Map<string, number>()

  constructor(database: DatabaseSync) {
    this.#selectAggregateTypes = database.prepare(eventStoreSql.selectAggregateTypes)
    this.#selectEventTypes = database.prepare(eventStoreSql.selectEventTypes)
    this.#insertAggregateType = database.prepare(eventStoreSql.insertAggregateType)
    this.#insertEventType = database.prepare(eventStoreSql.insertEventType)
    this.reload()
  }

  /** Reads all names from the file. */
  reload(): void {
    this.#aggregateTypes.clear()
    this.#eventTypes.clear()
    this.#eventTypeKeys.clear()
    const namesByKey = new Map<number, string>()
    for (const row of this.#selectAggregateTypes.all() as { key: number; name: string }[]) {
      this.#aggregateTypes.set(row.name, row.key)
      namesByKey.set(row.key, row.name)
    }
    for (const row of this.#selectEventTypes.all() as { key: number; aggregate_type: number; name: string }[]) {
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

  #remember(names: EventTypeNames): void {
    this.#eventTypes.set(names.key, names)
    this.#eventTypeKeys.set(`${names.aggregateTypeKey} ${names.eventType}`, names.key)
  }
}
