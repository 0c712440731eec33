/** What became of commands: found through the events that they made, or through the outcomes without events. */

import type { DatabaseSync } from 'node:sqlite'
import { type CommandRecord, hashText, type RejectionReason } from '@cim/core'
import type { AggregateHead } from './aggregate-keys.ts'
import { missingEvent } from './event-rows.ts'
import type { LogIndex } from './log-index.ts'
import { unpackEnvelope, unpackFingerprint } from './packed-envelope.ts'
import { type PreparedStatements, prepareStatements } from './prepared-statements.ts'
import { commandSql } from './sql.ts'
import { parseStored } from './stored-json.ts'

/** An event that a command made. */
export interface CommandEvent {
  readonly position: number
  readonly version: number
  /** Milliseconds since 1970. */
  readonly recordedAt: number
  readonly fingerprint: number
}

/** The columns of an event that tell which command made it. */
type CommandEventRow = readonly [aggregate: number, sequence: number, recordedAt: number, envelope: string]

type OutcomeRow = readonly [
  fingerprint: number,
  status: CommandRecord['status'],
  version: number,
  position: number,
  timestamp: string,
  reason: string | null,
]

const positionsPerPage = 1000

/** Works on the connection of the store that it belongs to. */
export class CommandLog {
  readonly #statements: PreparedStatements<typeof commandSql>
  readonly #index: LogIndex
  readonly #path: string

  constructor(database: DatabaseSync, index: LogIndex, path: string) {
    this.#statements = prepareStatements(database, commandSql)
    this.#index = index
    this.#path = path
  }

  /**
   * @returns the events that a command made, in order
   * @throws {StoreCorruptError} when the index names a position without an event
   */
  eventsOf(head: AggregateHead, commandId: string): readonly CommandEvent[] {
    const hash = hashText(commandId)
    const events: CommandEvent[] = []
    for (let after = 0; ; ) {
      const positions = this.#index.positionsOfCause(hash, after, positionsPerPage)
      for (const position of positions) {
        after = position
        const row = this.#statements.selectCommandEvent.get(position) as unknown as CommandEventRow | undefined
        if (row === undefined) throw missingEvent(this.#path, position)
        const [aggregate, version, recordedAt, envelope] = row
        if (aggregate !== head.key) continue
        const fingerprint = unpackFingerprint(envelope)
        if (fingerprint === null || unpackEnvelope(envelope).metadata.commandId !== commandId) continue
        events.push({ position, version, recordedAt, fingerprint })
      }
      if (positions.length < positionsPerPage) return events
    }
  }

  /** @returns the outcome of a command that made no events, undefined when none is known */
  findOutcome(head: AggregateHead, commandId: string): CommandRecord | undefined {
    const row = this.#statements.selectCommand.get(hashText(commandId), head.key, commandId)
    if (row === undefined) return undefined
    const [fingerprint, status, version, position, timestamp, reason] = row as unknown as OutcomeRow
    const subject = (): string => `SQLite file ${this.#path}: the outcome of the command ${JSON.stringify(commandId)}`
    const why = reason === null ? undefined : { reason: parseStored(reason, subject) as RejectionReason }
    return { commandId, fingerprint, status, version, position, timestamp, ...why }
  }

  /** Inside a transaction: remembers the outcome of a command that made no events. */
  insertOutcome(head: AggregateHead, record: CommandRecord): void {
    const { commandId, fingerprint, status, version, position, timestamp, reason } = record
    const why = reason === undefined ? null : JSON.stringify(reason)
    const hash = hashText(commandId)
    this.#statements.insertCommand.run(
      hash,
      head.key,
      commandId,
      fingerprint,
      status,
      version,
      position,
      timestamp,
      why,
    )
  }
}
