/** Looks through a whole event store for damage. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { EventLog } from './event-log.ts'
import { causesOf } from './event-row.ts'
import { unpackEnvelope } from './packed-envelope.ts'
import { type PreparedStatements, prepareStatements } from './prepared-statements.ts'
import type { EventRow } from './row-checksum.ts'
import { auditSql } from './sql.ts'
import { isStoreFailure, toStoreError } from './sqlite-errors.ts'

/** Options of {@link SqliteEventStore.verify}. */
export interface EventStoreAuditOptions {
  /** Ends the audit early; it is then rejected with the signal's reason. */
  readonly signal?: AbortSignal
}

/** What an audit found. */
export interface EventStoreAudit {
  /** How many events were looked at. */
  readonly events: number
  /** How many problems there are. */
  readonly problemCount: number
  /** The first 1,000 of them. */
  readonly problems: readonly EventStoreProblem[]
}

/** One thing that is not as it was written. */
export interface EventStoreProblem {
  /**
   * `file`: the structure of the file. `position`: an event is missing or cannot be read. `event`: an event is not what
   * was written. `sequence`: an aggregate's events do not follow each other. `time`: an event is older than the one
   * before. `index`: an index does not agree with the log. `snapshot`: a snapshot is of a later version than the events.
   */
  readonly kind: 'file' | 'position' | 'event' | 'sequence' | 'time' | 'index' | 'snapshot'
  /** Of the event, where the problem is one event's. */
  readonly position?: number
  readonly message: string
}

const mostProblems = 1000
/** Some milliseconds of reading. */
const rowsPerTurn = 500

type AuditStatements = PreparedStatements<typeof auditSql>

/**
 * @param database the store's connection
 * @param log the store's log
 * @param read runs something as long as the store is open
 * @param signal ends it early
 */
export async function auditEventStore(
  database: DatabaseSync,
  log: EventLog,
  read: <TResult>(work: () => TResult) => TResult,
  signal?: AbortSignal,
): Promise<EventStoreAudit> {
  const audit = new Audit(
    log,
    read(() => prepareStatements(database, auditSql)),
  )
  for (const steps of [audit.checkFile(), audit.checkLog(), audit.checkIndexes(), audit.checkSnapshots()]) {
    do {
      signal?.throwIfAborted()
      await new Promise((resolve) => setImmediate(resolve))
    } while (read(() => steps.next().done) !== true)
  }
  return audit.result()
}

/** Each check is a generator of steps between which others may run. */
class Audit {
  readonly #log: EventLog
  readonly #statements: AuditStatements
  /** The log only ever grows: everything up to here stays as it is. */
  readonly #head: number
  /** As well as the tables of the indexes, up to here. */
  readonly #indexed: number
  readonly #problems: EventStoreProblem[] = []
  #problemCount = 0
  #events = 0
  /** How many entries the indexes must have, up to the indexed position. */
  #expected = { aggregate: 0, cause: 0, type: 0 }
  #before = { position: 0, recordedAt: 0 }

  constructor(log: EventLog, statements: AuditStatements) {
    this.#log = log
    this.#statements = statements
    this.#head = log.position
    this.#indexed = log.index.indexedPosition
  }

  result(): EventStoreAudit {
    return { events: this.#events, problemCount: this.#problemCount, problems: this.#problems }
  }

  #report(kind: EventStoreProblem['kind'], message: string, position?: number): void {
    this.#problemCount++
    if (this.#problems.length >= mostProblems) return
    this.#problems.push(position === undefined ? { kind, message } : { kind, position, message })
  }

  /** Does something that damage may prevent. */
  #try<TResult>(kind: EventStoreProblem['kind'], work: () => TResult, position?: number): TResult | undefined {
    try {
      return work()
    } catch (error) {
      if (!isStoreFailure(error)) throw error
      this.#report(kind, toStoreError(error, this.#log.path, 'checking').message, position)
      return undefined
    }
  }

  *checkFile(): Generator<void> {
    const rows = this.#try('file', () => this.#statements.quickCheck.all()) as unknown as
      | readonly [string][]
      | undefined
    for (const [text] of rows ?? []) if (text !== 'ok') this.#report('file', text)
    yield
  }

  *checkLog(): Generator<void> {
    for (let after = 0; after < this.#head; yield) {
      const last = Math.min(this.#head, after + rowsPerTurn)
      for (const row of this.#readRows(after, last)) this.#checkRow(row)
      after = last
    }
    this.#checkGap(this.#head + 1)
  }

  /** When a page of the file cannot be read, what is on other pages still can. */
  *#readRows(after: number, last: number): Generator<EventRow> {
    let read = after
    try {
      for (const row of this.#rowsBetween(after, last)) {
        read = row[0]
        yield row
      }
      return
    } catch (error) {
      if (!isStoreFailure(error)) throw error
    }
    for (let position = read + 1; position <= last; position++) {
      const row = this.#try('position', () => this.#rowsBetween(position - 1, position).next().value, position)
      if (row?.[0] === position) yield row
    }
  }

  *#rowsBetween(after: number, last: number): Generator<EventRow, undefined> {
    const { rows } = this.#log.events
    for (const chunk of rows.leftBetween(after, last, rowsPerTurn)) for (const row of chunk) yield rows.whole(row)
  }

  #checkRow(row: EventRow): void {
    const [position, , , , recordedAt] = row
    this.#events++
    this.#checkGap(position)
    if (recordedAt < this.#before.recordedAt) {
      this.#report('time', `The event at position ${position} was recorded before the one that precedes it.`, position)
    }
    this.#before = { position, recordedAt }
    this.#try('event', () => this.#log.events.toEnvelope(row), position)
    this.#try('index', () => this.#checkEntries(row), position)
  }

  #checkGap(position: number): void {
    const { position: before } = this.#before
    if (position === before + 1) return
    const missing = position === before + 2 ? `position ${before + 1}` : `positions ${before + 1} to ${position - 1}`
    this.#report('position', `No event can be read at ${missing}.`, before + 1)
  }

  #checkEntries([position, aggregate, sequence, eventType, , envelope]: EventRow): void {
    const { index, names } = this.#log
    if (index.positionOf(aggregate, sequence) !== position) {
      const message = `The index of aggregates does not lead to the event at position ${position} (sequence ${sequence}).`
      this.#report('index', message, position)
    }
    const before = sequence === 1 ? 0 : index.positionOf(aggregate, sequence - 1)
    if (before === undefined || before >= position) {
      const message = `The event at position ${position} has sequence ${sequence}, and none of its aggregate before it has ${sequence - 1}.`
      this.#report('sequence', message, position)
    }
    const aggregateType = names.eventType(eventType)?.aggregateTypeKey ?? 0
    const causes = new Set(causesOf(unpackEnvelope(envelope)).filter((hash) => hash !== 0))
    for (const hash of causes) {
      if (index.positionsOfCause(hash, position - 1, 1)[0] === position) continue
      this.#report('index', `The index of causes does not lead to the event at position ${position}.`, position)
    }
    if (index.positionsOfType(aggregateType, position - 1, 1)[0] !== position) {
      this.#report(
        'index',
        `The index of aggregate types does not lead to the event at position ${position}.`,
        position,
      )
    }
    if (position > this.#indexed) return
    this.#expected.aggregate++
    this.#expected.cause += causes.size
    this.#expected.type++
  }

  /** Every event was found in the indexes; they must hold nothing else. */
  *checkIndexes(): Generator<void> {
    const { aggregateEntries, causeEntries, typeEntries } = this.#statements
    yield* this.#countEntries('aggregates', aggregateEntries, this.#expected.aggregate)
    yield* this.#countEntries('causes', causeEntries, this.#expected.cause)
    yield* this.#countEntries('aggregate types', typeEntries, this.#expected.type)
  }

  *#countEntries(name: string, statement: StatementSync, expected: number): Generator<void> {
    let found = 0
    let after: readonly [number, number] = [-1, -1]
    for (;;) {
      const rows = this.#try('index', () => statement.all(...after, rowsPerTurn)) as unknown as
        | readonly (readonly [number, number, number])[]
        | undefined
      if (rows === undefined) return
      for (const [, , position] of rows) if (position <= this.#indexed) found++
      const last = rows.at(-1)
      if (last === undefined) break
      after = [last[0], last[1]]
      yield
    }
    if (found === expected) return
    const message = `The index of ${name} has ${found} entries up to position ${this.#indexed}, the log gives ${expected}.`
    this.#report('index', message)
  }

  *checkSnapshots(): Generator<void> {
    for (let after = -1; ; yield) {
      const rows = this.#try('snapshot', () => this.#statements.snapshots.all(after, rowsPerTurn)) as unknown as
        | readonly (readonly [number, number, number])[]
        | undefined
      if (rows === undefined || rows.length === 0) return
      for (const [aggregate, version, position] of rows) {
        if (aggregate <= after) {
          this.#report('snapshot', 'The snapshots are not in the order of their aggregates.')
          return
        }
        after = aggregate
        if (version <= this.#log.index.versionOf(aggregate) && position <= this.#log.position) continue
        const message = `The snapshot of ${JSON.stringify(this.#log.aggregates.idOf(aggregate))} has version ${version} at position ${position}: its aggregate has not come that far.`
        this.#report('snapshot', message)
      }
    }
  }
}
