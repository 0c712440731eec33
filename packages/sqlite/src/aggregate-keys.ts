/** Small numbers for aggregates, with the version that each has. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { AggregateRef } from '@cim/core'
import type { InternedNames } from './interned-names.ts'
import type { LogIndex } from './log-index.ts'
import { eventStoreSql } from './sql.ts'

/** An aggregate that the store has a number for. */
export interface AggregateHead {
  readonly key: number
  readonly aggregateId: string
  /** Sequence of its newest event, counting those of the transaction under way. */
  version: number
}

/** So many aggregates are kept in memory, the least recently written given up first. */
const mostHeads = 100_000

/** Knows every aggregate's number and version, from memory or from the file. */
export class AggregateKeys {
  readonly #names: InternedNames
  readonly #index: LogIndex
  readonly #select: StatementSync
  readonly #selectByKey: StatementSync
  readonly #insert: StatementSync
  readonly #heads = new Map<string, AggregateHead>()
  readonly #ids = new Map<number, string>()

  constructor(database: DatabaseSync, names: InternedNames, index: LogIndex) {
    this.#names = names
    this.#index = index
    this.#select = database.prepare(eventStoreSql.selectAggregate)
    this.#selectByKey = database.prepare(eventStoreSql.selectAggregateByKey)
    this.#insert = database.prepare(eventStoreSql.insertAggregate)
  }

  /** Forgets what is in memory. */
  reload(): void {
    this.#heads.clear()
    this.#ids.clear()
  }

  /** @returns the aggregate, undefined when the store has never heard of it */
  find(aggregate: AggregateRef): AggregateHead | undefined {
    const name = nameOf(aggregate)
    const known = this.#heads.get(name)
    if (known !== undefined) return known
    // SQLite would replace half a surrogate pair, and so find another aggregate.
    if (!aggregate.aggregateId.isWellFormed()) return undefined
    const type = this.#names.findAggregateType(aggregate.aggregateType)
    const row =
      type === undefined ? undefined : (this.#select.get(type, aggregate.aggregateId) as { key: number } | undefined)
    if (row === undefined) return undefined
    return this.#remember(name, {
      key: row.key,
      aggregateId: aggregate.aggregateId,
      version: this.#index.versionOf(row.key),
    })
  }

  /** Inside a transaction: finds the aggregate or makes it, with version 0. */
  intern(aggregate: AggregateRef, aggregateTypeKey: number): AggregateHead {
    const known = this.find(aggregate)
    if (known !== undefined) return known
    const { key } = this.#insert.get(aggregateTypeKey, aggregate.aggregateId) as { key: number }
    return this.#remember(nameOf(aggregate), { key, aggregateId: aggregate.aggregateId, version: 0 })
  }

  /** @returns the id behind a number */
  idOf(key: number): string {
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const { id } = this.#selectByKey.get(key) as { id: string }
    this.#ids.set(key, id)
    dropOldest(this.#ids)
    return id
  }

  #remember(name: string, head: AggregateHead): AggregateHead {
    this.#heads.set(name, head)
    dropOldest(this.#heads)
    return head
  }
}

function nameOf({ aggregateType, aggregateId }: AggregateRef): string {
  return `${aggregateType} ${aggregateId}`
}

function dropOldest(map: Map<unknown, unknown>): void {
  if (map.size <= mostHeads) return
  const oldest = map.keys().next()
  if (!oldest.done) map.delete(oldest.value)
}
