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
  return {
    [Symbol.asyncIterator]: () => stoppable((signal) => follow(log, afterPosition, batchSize, signal), log.options),
  }
}

/** Lets a consumer stop while it waits: a generator alone answers `return` only after its pending `next`. */
export function stoppable(
  start: (signal: AbortSignal) => AsyncGenerator<EventBatch>,
  options: SubscribeOptions | undefined,
): AsyncIterator<EventBatch> {
  const stop = new AbortController()
  const batches = start(options?.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]))
  return {
    next: () => batches.next(),
    return: () => {
      stop.abort()
      return batches.return(undefined)
    },
  }
}

async function* follow(
  { appended, readBatch }: FollowedLog,
  start: number,
  batchSize: number,
  signal: AbortSignal,
): AsyncGenerator<EventBatch> {
  let position = start
  while (!signal.aborted) {
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
