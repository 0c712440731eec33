/** The loop behind every subscription of a store that lives in this process. */

import type { EventBatch, SubscribeOptions } from './event-store.ts'
import { checkSubscribeOptions } from './event-store-options.ts'
import type { Signal } from './signal.ts'

/** What {@link followLog} needs of a store. */
export interface FollowedLog {
  readonly options: SubscribeOptions | undefined
  /** Is notified after each append, and when the store closes. */
  readonly appended: Signal
  /** Reads on after a position; an unchanged position means that there is nothing more. */
  readonly readBatch: (afterPosition: number, batchSize: number) => EventBatch
}

/**
 * Past and live are one loop over the store, so that there is no hand-over at which an event could be missed.
 * @param log where to read, and where to start
 * @throws {InvalidOptionError} at the call, not at the first batch, when an option is wrong
 */
export function followLog(log: FollowedLog): AsyncIterable<EventBatch> {
  const { afterPosition, batchSize } = checkSubscribeOptions(log.options)
  return follow(log, afterPosition, batchSize)
}

async function* follow(
  { options, appended, readBatch }: FollowedLog,
  start: number,
  batchSize: number,
): AsyncGenerator<EventBatch> {
  const signal = options?.signal
  let position = start
  while (signal?.aborted !== true) {
    const seen = appended.count
    const batch = readBatch(position, batchSize)
    if (batch.position > position) {
      position = batch.position
      yield batch
    } else {
      await appended.wait(seen, { signal })
    }
  }
}
