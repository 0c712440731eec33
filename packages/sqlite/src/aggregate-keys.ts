/** Small numbers for aggregates, with the version that each has. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type AggregateRef, StoreCorruptError } from '@cim/core'
import { BoundedMap } from './bounded-map.ts'
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

interface AggregateRow {
  readonly aggregate_type: number
  readonly id: string
}

/** So many aggregates are kept in memory; those that came first are given up first. */
const mostHeads = 100_000
const mostAbsent = 10_000

/** Knows every aggregate's number and version, from memory or from the file. */
export class AggregateKeys {
  readonly #names: InternedNames
  readonly #index: LogIndex
  readonly #select: StatementSync
  readonly #path: string
  readonly #selectByKey: StatementSync
  readonly #insert: StatementSync
  /** By aggregate type, then by id: putting both into one string would cost more than the look-up. */
  readonly #heads = new Map<number, BoundedMap<string, AggregateHead>>()
  readonly #ids = new BoundedMap<number, string>(mostHeads)
  /** Names that were looked for and are not there: a creation asks several times before it makes one. */
  readonly #absent = new BoundedMap<string, true>(mostAbsent)

  /** @param path the file, for messages */
  constructor(database: DatabaseSync, names: InternedNames, index: LogIndex, path: string) {
    this.#path = path
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
    this.#absent.clear()
  }

  /**
   * @returns the aggregate, undefined when the store has never heard of it
   * @throws {StoreCorruptError} when the table and its index do not agree on it
   */
  find(aggregate: AggregateRef): AggregateHead | undefined {
    const type = this.#names.findAggregateType(aggregate.aggregateType)
    if (type === undefined) return undefined
    const known = this.#headsOf(type).get(aggregate.aggregateId)
    if (known !== undefined) return known
    const name = nameOf(type, aggregate.aggregateId)
    if (this.#absent.get(name) === true) return undefined
    // SQLite would replace half a surrogate pair, and so find another aggregate.
    if (!aggregate.aggregateId.isWellFormed()) return undefined
    const row = this.#select.get(type, aggregate.aggregateId) as { key: number } | undefined
    if (row === undefined) {
      this.#absent.set(name, true)
      return undefined
    }
    const stored = this.#selectByKey.get(row.key) as AggregateRow | undefined
    if (stored?.aggregate_type !== type || stored.id !== aggregate.aggregateId) {
      throw this.#damaged(row.key, aggregate.aggregateId)
    }
    return this.#remember(type, {
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
    const name = nameOf(aggregateTypeKey, aggregate.aggregateId)
    this.#absent.delete(name)
    return this.#remember(aggregateTypeKey, {
      key,
      aggregateId: aggregate.aggregateId,
      version: 0,
    })
  }

  /**
   * @returns the id behind a number, undefined when no aggregate has it
   * @throws {StoreCorruptError} when the table and its index do not agree on it
   */
  idOf(key: number): string | undefined {
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const row = this.#selectByKey.get(key) as AggregateRow | undefined
    if (row === undefined) return undefined
    const found = this.#select.get(row.aggregate_type, row.id) as { key: number } | undefined
    if (found?.key !== key) throw this.#damaged(key, row.id)
    this.#ids.set(key, row.id)
    return row.id
  }

  /** The file has each id twice, in its table and in the index of that: damage to one of them is not damage to the other. */
  #damaged(key: number, id: string): StoreCorruptError {
    return new StoreCorruptError(
      `SQLite file ${this.#path}: the id ${JSON.stringify(id)} of aggregate number ${key} is not what was written. Keep a copy of the file, and restore a backup.`,
    )
  }

  #headsOf(aggregateTypeKey: number): BoundedMap<string, AggregateHead> {
    let heads = this.#heads.get(aggregateTypeKey)
    if (heads === undefined) {
      heads = new BoundedMap(mostHeads)
      this.#heads.set(aggregateTypeKey, heads)
    }
    return heads
  }

  #remember(aggregateTypeKey: number, head: AggregateHead): AggregateHead {
    this.#headsOf(aggregateTypeKey).set(head.aggregateId, head)
    this.#ids.set(head.key, head.aggregateId)
    return head
  }
}

function nameOf(aggregateTypeKey: number, aggregateId: string): string {
  return `${aggregateTypeKey} ${aggregateId}`
}
