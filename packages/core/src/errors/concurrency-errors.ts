/** Errors about versions and repeated identifiers. In each case nothing was stored. */

import { CimError } from './cim-error.ts'

/** Another writer appended first. Reload the aggregate and decide again. */
export class ConcurrencyError extends CimError {
  override readonly name = 'ConcurrencyError'
  readonly code = 'concurrency'
  readonly aggregateType: string
  readonly aggregateId: string
  readonly expectedVersion: number
  /** The version the aggregate really had when the append was refused. */
  readonly actualVersion: number

  constructor(aggregateType: string, aggregateId: string, expectedVersion: number, actualVersion: number) {
    super(
      `${aggregateType} ${JSON.stringify(aggregateId)}: expected version ${expectedVersion}, found ${actualVersion}. ` +
        'Reload the aggregate and decide again.',
    )
    this.aggregateType = aggregateType
    this.aggregateId = aggregateId
    this.expectedVersion = expectedVersion
    this.actualVersion = actualVersion
  }
}

/** The version that the command's sender asked for is not the aggregate's version. The sender must look again. */
export class VersionMismatchError extends CimError {
  override readonly name = 'VersionMismatchError'
  readonly code = 'version-mismatch'
  readonly aggregateType: string
  readonly aggregateId: string
  readonly expectedVersion: number
  readonly actualVersion: number

  constructor(aggregateType: string, aggregateId: string, expectedVersion: number, actualVersion: number) {
    super(
      `${aggregateType} ${JSON.stringify(aggregateId)}: the command expects version ${expectedVersion}, the aggregate has ` +
        `version ${actualVersion}. Read it again, then send the command with the version you have seen.`,
    )
    this.aggregateType = aggregateType
    this.aggregateId = aggregateId
    this.expectedVersion = expectedVersion
    this.actualVersion = actualVersion
  }
}

/** A command id came a second time with other content. */
export class CommandIdReusedError extends CimError {
  override readonly name = 'CommandIdReusedError'
  readonly code = 'command-id-reused'
  readonly commandId: string

  constructor(aggregateType: string, aggregateId: string, commandId: string) {
    super(
      `${aggregateType} ${JSON.stringify(aggregateId)}: command id ${JSON.stringify(commandId)} was used before with other ` +
        'content. Use a new id for a new command; repeat the first one unchanged to get its acknowledgment.',
    )
    this.commandId = commandId
  }
}

/** Events with ids that are already stored came again with other content. */
export class EventIdReusedError extends CimError {
  override readonly name = 'EventIdReusedError'
  readonly code = 'event-id-reused'
  readonly eventId: string

  constructor(aggregateType: string, aggregateId: string, eventId: string) {
    super(
      `${aggregateType} ${JSON.stringify(aggregateId)}: event id ${JSON.stringify(eventId)} is already stored with other ` +
        'content. Use a new id for a new event.',
    )
    this.eventId = eventId
  }
}
