/** The log itself: writes events at its end and reads them back, synchronously, on one connection. */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import {
  type AggregateRef,
  type AppendOptions,
  type AppendResult,
  type CommandRecord,
  ConcurrencyError,
  checkCommand,
  createIsoFormatter,
  type DomainEventEnvelope,
  findRepeat,
  hashText,
  InvalidOptionError,
  type LoadEventsOptions,
  type PreparedEvent,
  StoreCorruptError,
} from '@cim/core'
import { type AggregateHead, AggregateKeys } from './aggregate-keys.ts'
import { type CommandEvent, CommandLog } from './command-log.ts'
import type { EventPortion } from './event-portion.ts'
import { type EventRow, toEnvelope, toRow } from './event-row.ts'
import { EventRows } from './event-rows.ts'
import type { InlineViews } from './inline-views.ts'
import { InternedNames } from './interned-names.ts'
import { type IndexEntry, type IndexPace, LogIndex } from './log-index.ts'
import { type PreparedStatements, prepareStatements } from './prepared-statements.ts'
import { eventStoreSql } from './sql.ts'

/** Everything in one place that a transaction of the event store works with. */
export class EventLog {
  readonly names: InternedNames
  readonly index: LogIndex
  readonly aggregates: AggregateKeys
  readonly rows: EventRows
  readonly path: string
  /** Views that change with each append. */
  inlineViews: InlineViews | undefined
  readonly #now: () => number
  readonly #toIso: (time: number) => string = createIsoFormatter()
  readonly #commands: CommandLog
  readonly #statements: PreparedStatements<typeof eventStoreSql>
  #position = 0
  #recordedAt = 0

  constructor(database: DatabaseSync, path: string, now: () => number, indexPace?: IndexPace) {
    this.path = path
    this.#now = now
    this.#statements = prepareStatements(database, eventStoreSql)
    this.names = new InternedNames(database)
    this.index = new LogIndex(database, indexPace)
    this.aggregates = new AggregateKeys(database, this.names, this.index)
    this.rows = new EventRows(database)
    this.#commands = new CommandLog(database, this.index, path)
    this.reload()
  }

  /** The position of the newest event. */
  get position(): number {
    return this.#position
  }

  /** Reads anew what is kept in memory. */
  reload(): void {
    const [position, recordedAt] = (this.#statements.selectHead.get() ?? [0, 0]) as unknown as readonly [number, number]
    const [indexed] = (this.#statements.selectIndexedPosition.get() ?? [0]) as unknown as readonly [number]
    if (indexed > position) {
      throw new StoreCorruptError(
        `SQLite file ${this.path}: its indexes know position ${indexed}, the log ends at ${position}. Events are missing: restore a backup.`,
      )
    }
    this.#position = position
    this.#recordedAt = recordedAt
    this.names.reload()
    this.aggregates.reload()
    this.index.reload(indexed, this.#entriesAfter(indexed))
  }

  *#entriesAfter(position: number): Generator<IndexEntry> {
    const pageSize = 5000
    for (let after = position; ; ) {
      const rows = this.#statements.selectIndexEntriesAfter.all(after, pageSize) as unknown as readonly [
        number,
        number,
        number,
        number,
        string | null,
        string | null,
      ][]
      for (const [at, aggregate, sequence, eventType, correlationId, commandId] of rows) {
        const aggregateType = this.names.eventType(eventType)?.aggregateTypeKey ?? 0
        yield { position: at, aggregate, sequence, aggregateType, causes: causesOf(correlationId, commandId) }
        after = at
      }
      if (rows.length < pageSize) return
    }
  }

  /** Inside a transaction: appends, recognises a repeat, or throws before anything is written. */
  append(
    aggregate: AggregateRef,
    prepared: readonly PreparedEvent[],
    { expectedVersion, command }: AppendOptions,
  ): AppendResult {
    const known = this.aggregates.find(aggregate)
    const actual = known?.version ?? 0
    const first = command === undefined ? undefined : this.findCommand(aggregate, command.commandId)
    if (command !== undefined && first !== undefined) {
      checkCommand(aggregate, first, command)
      const { version, position, timestamp } = first
      return {
        events: this.#eventsOfCommand(aggregate, command.commandId),
        version,
        position,
        timestamp,
        isRepeat: true,
      }
    }
    if (expectedVersion !== 'any' && expectedVersion !== actual) {
      const present = this.load(aggregate, { fromVersion: expectedVersion + 1, limit: prepared.length })
      const repeat = findRepeat(aggregate, prepared, present)
      if (repeat !== undefined) return repeat
      throw new ConcurrencyError(aggregate.aggregateType, aggregate.aggregateId, expectedVersion, actual)
    }
    return this.#write(aggregate, prepared, command?.fingerprint ?? null)
  }

  #write(aggregate: AggregateRef, prepared: readonly PreparedEvent[], fingerprint: number | null): AppendResult {
    const recordedAt = Math.max(this.#recordedAt, checkClock(this.#now()))
    const aggregateType = this.names.internAggregateType(aggregate.aggregateType)
    const head = this.aggregates.intern(aggregate, aggregateType)
    this.#recordedAt = recordedAt
    const timestamp = this.#toIso(recordedAt)
    const events = prepared.map(({ eventId, eventType, schemaVersion, eventData, metadata }, index) => ({
      eventId,
      aggregateType: aggregate.aggregateType,
      aggregateId: aggregate.aggregateId,
      sequence: head.version + index + 1,
      position: this.#position + index + 1,
      eventType,
      schemaVersion,
      eventData,
      metadata,
      timestamp,
    }))
    // May refuse them: nothing is written yet. It has its own copy of the data, to freeze and to keep.
    this.inlineViews?.project(
      events.map((event, index) => ({ ...event, eventData: JSON.parse(prepared[index]?.text ?? '') as unknown })),
    )
    for (const event of prepared) {
      const position = ++this.#position
      const sequence = ++head.version
      const eventType = this.names.internEventType(aggregateType, aggregate.aggregateType, event.eventType)
      const place = { position, aggregate: head.key, sequence, eventType, recordedAt, commandFingerprint: fingerprint }
      const row = toRow(event, place)
      this.#statements.insertEvent.run(...(row as readonly SQLInputValue[]))
      this.index.add({ position, aggregate: head.key, sequence, aggregateType, causes: causesOf(row[7], row[8]) })
    }
    return { events, version: head.version, position: this.#position, timestamp, isRepeat: false }
  }

  /**
   * Loads events of one aggregate by sequence.
   * @param mostText about how many characters of data to take; the first events only when there are more
   */
  load(
    aggregate: AggregateRef,
    options: LoadEventsOptions = {},
    mostText: number = Number.POSITIVE_INFINITY,
  ): readonly DomainEventEnvelope[] {
    const range = this.#rangeOf(aggregate, options)
    if (range === undefined) return []
    const { head, from, to, storedTo, positions } = range
    const rows: EventRow[] = []
    let textLeft = mostText
    for (const source of [this.rows.ofAggregate(head.key, from, storedTo), this.rowsAt(positions)]) {
      for (const row of source) {
        if (textLeft <= 0) break
        rows.push(row)
        textLeft -= row[14].length
      }
    }
    this.#checkSequences(aggregate, head, rows, from, textLeft > 0 ? to : from + rows.length - 1)
    return rows.map((row) => this.toEnvelope(row))
  }

  /** @returns which sequences are meant, and where they are: up to `storedTo` in the index's table, then at positions */
  #rangeOf(aggregate: AggregateRef, options: LoadEventsOptions): AggregateRange | undefined {
    const head = this.aggregates.find(aggregate)
    const from = Math.max(1, options.fromVersion ?? 1)
    if (head === undefined || from > head.version) return undefined
    const to = Math.min(options.toVersion ?? head.version, head.version, from + (options.limit ?? head.version) - 1)
    const { firstSequence, positions } = this.index.tailOf(head.key, from, to)
    return { head, from, to, storedTo: Math.min(to, firstSequence - 1), positions }
  }

  #checkSequences(
    aggregate: AggregateRef,
    head: AggregateHead,
    rows: readonly EventRow[],
    from: number,
    to: number,
  ): void {
    const isWhole =
      rows.length === Math.max(0, to - from + 1) &&
      rows.every((row, offset) => row[2] === from + offset && row[1] === head.key)
    if (isWhole) return
    throw new StoreCorruptError(
      `SQLite file ${this.path}: ${aggregate.aggregateType} ${JSON.stringify(aggregate.aggregateId)} has version ${head.version}, but its events ` +
        `${from} to ${to} are not all there. Keep a copy of the file, and restore a backup.`,
    )
  }

  /** @returns events at these positions, in order */
  readAt(positions: readonly number[]): readonly DomainEventEnvelope[] {
    return Array.from(this.rowsAt(positions), (row) => this.toEnvelope(row))
  }

  /**
   * Takes over rows, one at a time, so that only what is wanted comes into memory.
   * @param isWanted decides about a row before it is parsed; every row when left out
   * @returns true when the portion is full and there is at least one more row that is wanted
   */
  fill(portion: EventPortion, rows: Iterable<EventRow>, isWanted?: (row: EventRow) => boolean): boolean {
    for (const row of rows) {
      if (isWanted?.(row) === false) continue
      if (portion.isFull) return true
      portion.add(this.toEnvelope(row), row[14].length)
    }
    return false
  }

  /**
   * Rows at these positions, in order.
   * @throws {StoreCorruptError} when there is none at one of them
   */
  *rowsAt(positions: readonly number[]): Generator<EventRow> {
    let index = 0
    for (const row of this.rows.at(positions)) {
      if (row[0] !== positions[index]) break
      index++
      yield row
    }
    const missing = positions[index]
    if (missing !== undefined) throw this.#missingEvent(missing)
  }

  /** @returns the first position whose event was recorded at a time or later; one past the end when none was */
  firstPositionAt(time: number): number {
    let low = 1
    let high = this.#position + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const [recordedAt] = (this.#statements.selectTime.get(middle) ?? [0]) as unknown as readonly [number]
      if (recordedAt >= time) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Looks up what became of a command, in the log and among the outcomes without events. */
  findCommand(aggregate: AggregateRef, commandId: string): CommandRecord | undefined {
    const head = this.aggregates.find(aggregate)
    if (head === undefined || !commandId.isWellFormed()) return undefined
    const last = this.#eventsOf(head, commandId).at(-1)
    if (last === undefined) return this.#commands.findOutcome(head, commandId)
    const { fingerprint, version, position, recordedAt } = last
    return { commandId, fingerprint, status: 'Accepted', version, position, timestamp: this.#toIso(recordedAt) }
  }

  #eventsOf(head: AggregateHead, commandId: string): readonly CommandEvent[] {
    return this.#commands.eventsOf(head, commandId, (position) => this.#missingEvent(position))
  }

  /** Inside a transaction: remembers the outcome of a command without events, unless one is known. */
  recordCommand(aggregate: AggregateRef, record: CommandRecord): CommandRecord {
    const known = this.findCommand(aggregate, record.commandId)
    if (known !== undefined) {
      checkCommand(aggregate, known, record)
      return known
    }
    const head = this.aggregates.intern(aggregate, this.names.internAggregateType(aggregate.aggregateType))
    this.#commands.insertOutcome(head, record)
    return record
  }

  #eventsOfCommand(aggregate: AggregateRef, commandId: string): readonly DomainEventEnvelope[] {
    const head = this.aggregates.find(aggregate)
    if (head === undefined) return []
    return this.readAt(this.#eventsOf(head, commandId).map(({ position }) => position))
  }

  /** @throws {StoreCorruptError} when the row is not what was written, or belongs to nothing that is known */
  toEnvelope(row: EventRow): DomainEventEnvelope {
    const names = this.names.eventType(row[3])
    const aggregateId = this.aggregates.idOf(row[1])
    if (names === undefined || aggregateId === undefined) {
      throw new StoreCorruptError(
        `SQLite file ${this.path}: the event at position ${row[0]} (sequence ${row[2]}) has ` +
          `${names === undefined ? 'a type' : 'an aggregate'} that is not stored. Keep a copy of the file, and restore a backup.`,
      )
    }
    const { aggregateType, eventType } = names
    return toEnvelope(row, { aggregateType, aggregateId, eventType, timestamp: this.#toIso(row[5]) }, this.path)
  }

  #missingEvent(position: number): StoreCorruptError {
    return new StoreCorruptError(
      `SQLite file ${this.path}: an index names an event at position ${position}, which is not there. Keep a copy of the file, and restore a backup.`,
    )
  }
}

/** The last millisecond that a Date can hold. */
const lastTime = 8.64e15

/** @throws {InvalidOptionError} before anything is written, when the clock gives no time */
function checkClock(time: number): number {
  if (Math.abs(time) <= lastTime) return Math.floor(time)
  throw new InvalidOptionError('SqliteEventStore', 'now', `must give milliseconds since 1970, it gave ${String(time)}.`)
}

/** Events of one aggregate. */
interface AggregateRange {
  readonly head: AggregateHead
  readonly from: number
  readonly to: number
  /** What is up to this sequence is found through the index's table. */
  readonly storedTo: number
  /** Where the others are. */
  readonly positions: readonly number[]
}

/** @returns hashes of a row's correlation id and command id, 0 for none; the second is 0 when both are the same */
export function causesOf(correlationId: string | null, storedCommandId: string | null): readonly [number, number] {
  const correlation = correlationId === null ? 0 : hashText(correlationId)
  const isOther = storedCommandId !== null && storedCommandId !== ''
  return [correlation, isOther ? hashText(storedCommandId) : 0]
}
