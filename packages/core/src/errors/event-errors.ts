/** Errors about the content of events. */

import { CimError } from './cim-error.ts'

/** A decision made an event that does not fit its own schema, or that JSON cannot carry. Nothing was stored. */
export class InvalidEventError extends CimError {
  override readonly name = 'InvalidEventError'
  readonly code = 'invalid-event'
  readonly eventType: string

  constructor(eventType: string, problem: string, options?: ErrorOptions) {
    super(`Event ${eventType} cannot be stored: ${problem}`, options)
    this.eventType = eventType
  }
}

/** A stored event that the current definitions cannot read or apply. The event itself is untouched. */
export class UndecodableEventError extends CimError {
  override readonly name = 'UndecodableEventError'
  readonly code = 'undecodable-event'
  readonly eventType: string
  readonly aggregateType: string
  readonly aggregateId: string
  readonly sequence: number
  readonly position: number

  constructor(
    event: {
      readonly eventType: string
      readonly aggregateType: string
      readonly aggregateId: string
      readonly sequence: number
      readonly position: number
    },
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `Event ${event.eventType} at position ${event.position} (${event.aggregateType} ${JSON.stringify(event.aggregateId)}, ` +
        `sequence ${event.sequence}) cannot be applied: ${problem}`,
      options,
    )
    this.eventType = event.eventType
    this.aggregateType = event.aggregateType
    this.aggregateId = event.aggregateId
    this.sequence = event.sequence
    this.position = event.position
  }
}
