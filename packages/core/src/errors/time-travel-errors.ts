/** Errors about the past. */

import { CimError } from './cim-error.ts'

/** An event that a view of the past must have seen cannot be processed. Nothing is answered rather than something else. */
export class HistoricalViewError extends CimError {
  override readonly name = 'HistoricalViewError'
  readonly code = 'historical-view'
  /** Key of the view. */
  readonly view: string
  readonly eventType: string
  readonly aggregateType: string
  readonly aggregateId: string
  readonly sequence: number
  readonly position: number

  constructor(
    view: string,
    event: {
      readonly eventType: string
      readonly aggregateType: string
      readonly aggregateId: string
      readonly sequence: number
      readonly position: number
    },
    cause: unknown,
  ) {
    super(
      `${view} cannot be shown as it was: ${event.eventType} at position ${event.position} (${event.aggregateType} ` +
        `${JSON.stringify(event.aggregateId)}, sequence ${event.sequence}) failed: ` +
        `${cause instanceof Error ? cause.message : String(cause)} Mend the projection, or ask for a moment before it.`,
      { cause },
    )
    this.view = view
    this.eventType = event.eventType
    this.aggregateType = event.aggregateType
    this.aggregateId = event.aggregateId
    this.sequence = event.sequence
    this.position = event.position
  }
}
