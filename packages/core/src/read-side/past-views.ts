/** What queries need to be answered from views as they were. */

import type { ProjectionDefinition } from './projection.ts'
import type { ReadableView } from './read-model.ts'

/** A moment of the past at which every view can be shown. */
export interface PastMoment {
  /** After every event up to this global position. */
  readonly position?: number
  /** After every event stored at this time or before, ISO-8601. */
  readonly timestamp?: string
}

/** A moment that was looked up in the event store. */
export interface ResolvedMoment {
  /** Every event up to here has happened, none after it. */
  readonly position: number
  /** The time that it was, ISO-8601 in UTC. */
  readonly time: string
}

/** Shows views at moments of the past. */
export interface PastViews {
  /**
   * @param moment one of position and timestamp
   * @param pointer JSON pointer to the moment in the input, for messages
   * @throws {ValidationError} when it is not well-formed, or not in the past
   */
  resolve(moment: PastMoment, pointer: string): Promise<ResolvedMoment>
  /**
   * @param projection whose view
   * @param position up to which it has seen everything
   * @param signal gives up
   * @returns the view as it was then; it never changes
   * @throws {HistoricalViewError} when an event cannot be processed
   */
  viewAt(projection: ProjectionDefinition, position: number, signal?: AbortSignal): Promise<ReadableView>
}
