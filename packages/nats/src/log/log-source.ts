/** Where a log is read from: one stream, or several behind one order. */

import type { StoredMessage } from '../messages/event-message.ts'
import type { Patience } from '../server/patience.ts'

/** A stretch of a log. */
export interface LogRun {
  /** In the order of the log. The sequence of each is its position. */
  readonly messages: readonly StoredMessage[]
  /** Everything up to this position is among them, or is not wanted; where to read on. */
  readonly end: number
  /** True when an event stands at the end, whether it is among the messages or not. */
  readonly endsWithEvent: boolean
}

/** What {@link LogReader} reads from. */
export interface LogSource {
  /**
   * @param after the position after which to read
   * @param count the most messages
   * @returns what there is; its end is `after` when there is nothing more for now
   * @throws {NoAnswer} when a replica does not answer, or lacks what the leader has in between
   */
  read(after: number, count: number): Promise<LogRun>
  /** @returns the position of the newest event, 0 when there is none */
  position(patience: Patience): Promise<number>
  /** @throws {StoreCorruptError} when the log ends before a position that was read */
  checkIsStored(position: number, patience: Patience): Promise<void>
}
