/** The log itself: writes events at its end and reads them back, synchronously, on one connection. */

import type { DatabaseSync } from 'node:sqlite'
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
  InvalidOptionError,
  type PreparedEvent,
  StoreCorruptError,
} from '@cim/core'
import { AggregateKeys } from './aggregate-keys.ts'
import { CommandLog } from './command-log.ts'
import { causesOf, toRow } from './event-row.ts'
import { type EventScanner, longStretch } from './event-scanner.ts'
import type { InlineViews } from './inline-views.ts'
import { InternedNames } from './interned-names.ts'
import { type IndexEntry, type IndexPace, LogIndex } from './log-index.ts'
import { unpackEnvelope } from './packed-envelope.ts'
import { type PreparedStatements, prepareStatements } from './prepared-statements.ts'
import { eventStoreSql } from './sql.ts'
import { StoredEvents } from './stored-events.ts'

/** The columns of an event that the indexes are made from. */
type IndexedRow = readonly [position: number, aggregate: number, sequence: number, eventType: number, envelope: string]

/** Everything in one place that a transaction of the event store works with. */
export class EventLog {
  readonly names: InternedNames
  readonly index: LogIndex
  readonly aggregates: AggregateKeys
  readonly events: StoredEvents
  readonly path: string
  readonly scanner: EventScanner
  /** Views that change with each append. */
  inlineViews: InlineViews | undefined
  readonly #now: () => number
  readonly #toIso: (time: number) => string = createIsoFormatter()
  readonly #commands: CommandLog
  readonly #statements: PreparedStatements<typeof eventStoreSql>
  #position = 0
  #recordedAt = 0

  constructor(database: DatabaseSync, scanner: EventScanner, path: string, now: () => number, indexPace?: IndexPace) {
    this.path = path
    this.scanner = scanner
    this.#now = now
    this.#statements = prepareStatements(database, eventStoreSql)
    this.names = new InternedNames(database, path)
    this.index = new LogIndex(database, indexPace)
    this.aggregates = new AggregateKeys(database, this.names, this.index, path)
    this.events = new StoredEvents(database, this.names, this.aggregates, this.index, path)
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
    const { selectIndexEntriesAfter } =
      this.#position - position < longStretch
        ? this.#statements
        : prepareStatements(this.scanner.database, {
            selectIndexEntriesAfter: eventStoreSql.selectIndexEntriesAfter,
          })
    for (let after = position; ; ) {
      const rows = selectIndexEntriesAfter.all(after, pageSize) as unknown as readonly IndexedRow[]
      for (const [at, aggregate, sequence, eventType, envelope] of rows) {
        const aggregateType = this.names.eventType(eventType)?.aggregateTypeKey ?? 0
        yield { position: at, aggregate, sequence, aggregateType, causes: causesOf(unpackEnvelope(envelope)) }
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
      const present = this.events.load(aggregate, { fromVersion: expectedVersion + 1, limit: prepared.length })
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
      this.#statements.insertEvent.run(...toRow(event, place))
      this.index.add({ position, aggregate: head.key, sequence, aggregateType, causes: causesOf(event) })
    }
    return { events, version: head.version, position: this.#position, timestamp, isRepeat: false }
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
    const last = this.#commands.eventsOf(head, commandId).at(-1)
    if (last === undefined) return this.#commands.findOutcome(head, commandId)
    const { fingerprint, version, position, recordedAt } = last
    return { commandId, fingerprint, status: 'Accepted', version, position, timestamp: this.#toIso(recordedAt) }
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
    return this.events.readAt(this.#commands.eventsOf(head, commandId).map(({ position }) => position))
  }
}

/** The last millisecond that a Date can hold. */
const lastTime = 8.64e15

/** @throws {InvalidOptionError} before anything is written, when the clock gives no time */
function checkClock(time: number): number {
  if (Math.abs(time) <= lastTime) return Math.floor(time)
  throw new InvalidOptionError('SqliteEventStore', 'now', `must give milliseconds since 1970, it gave ${String(time)}.`)
}
