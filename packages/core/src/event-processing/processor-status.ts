/** How a processor is doing. */

/** What a processor has asked of its stores, or of its handlers, and waits for. */
export type ProcessorStep =
  | 'claim'
  | 'renew-claim'
  | 'release-claim'
  | 'read-checkpoint'
  | 'read-dead-letters'
  | 'read-head'
  | 'read-events'
  | 'process'
  | 'save'
  | 'end-subscription'

/** A moment's look at a processor. */
export interface ProcessorStatus {
  readonly processorName: string
  /**
   * `waiting`: another runner has it. `retrying`: something other than an event failed, and the work since `position` will
   * be done again. `paused`: until it is resumed.
   */
  readonly state: 'stopped' | 'waiting' | 'running' | 'retrying' | 'paused'
  /** Everything up to here has been processed, parked or discarded, and that is saved. */
  readonly position: number
  /** The end of the event store, when the runner last looked. */
  readonly headPosition: number
  /** Positions between the two: an upper bound of the events still to come. */
  readonly lagEvents: number
  /** About how old the oldest event is that is still to come: 0 when there is none. */
  readonly lagSeconds: number
  /** Events processed each second, over the last ten seconds or so. */
  readonly eventsPerSecond: number
  /** Events that are being processed, or are processed and not saved. */
  readonly inFlightEvents: number
  /** Events processed since the runner was made, those of repeated attempts included. */
  readonly processedEvents: number
  /** How often in a row something other than an event has failed. */
  readonly failures: number
  /** Attempts at single events that failed, since the runner was made. */
  readonly failedAttempts: number
  /** The newest failure's message, if the newest attempt failed. */
  readonly lastError: string | undefined
  /** Aggregates that are held back, see dead letters. */
  readonly heldSequences: number
  /**
   * What it waits for, and since when (ISO-8601); undefined while nothing is to be done. A store that never answers shows as a
   * `since` that stays.
   */
  readonly waitingFor: { readonly step: ProcessorStep; readonly since: string } | undefined
}
