/** The loop behind every subscription. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { EventBatch, Signal, SubjectMatcher, SubscribeOptions } from '@cim/core'
import type { Patience } from '../server/patience.ts'
import type { LogReader } from './log-reader.ts'

/** Wakes those who wait for the log, as {@link LogWatch} does. */
export interface FollowedWatch {
  readonly appended: Signal
  /** How often what was read may have been lost since. */
  readonly disturbances: number
  /** The newest position that is known to be stored. */
  readonly newest: number
  /** Begins to listen, once. */
  open(after: number): void
}

/** What {@link followStream} follows. */
export interface FollowedStream {
  readonly reader: LogReader
  readonly watch: FollowedWatch
  readonly matches: SubjectMatcher
  readonly afterPosition: number
  readonly batchSize: number
  readonly options: SubscribeOptions | undefined
  readonly assertOpen: () => void
  readonly newPatience: (signal: AbortSignal) => Patience
}

/** A wake-up may be lost with a connection: who waits looks as often as this, too. */
const lookAgainMs = 1000
/** How long to wait for a replica that lacks what is known to be stored. */
const replicaPauseMs = 2

/** Past and live are one loop over the stream, so that there is no hand-over at which an event could be missed. */
export function followStream(followed: FollowedStream): AsyncIterable<EventBatch> {
  return {
    // A generator alone answers `return` only after its pending `next`.
    [Symbol.asyncIterator]: () => {
      const stop = new AbortController()
      const outer = followed.options?.signal
      const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal])
      const batches = follow(followed, signal)
      return {
        next: () => batches.next(),
        return: () => {
          stop.abort()
          return batches.return(undefined)
        },
      }
    },
  }
}

async function* follow(followed: FollowedStream, signal: AbortSignal): AsyncGenerator<EventBatch> {
  const { reader, watch, matches, batchSize } = followed
  let position = followed.afterPosition
  let cursor = position
  let disturbances = watch.disturbances
  while (!signal.aborted) {
    followed.assertOpen()
    const seen = watch.appended.count
    const stretch = await readUnlessAborted(signal, () =>
      reader.readStretch(matches, cursor, batchSize, followed.newPatience(signal)),
    )
    if (stretch === undefined) return
    if (stretch.cursor > cursor) {
      cursor = stretch.cursor
      if (stretch.position <= position) continue
      position = stretch.position
      yield { events: stretch.events, position }
      continue
    }
    if (disturbances !== watch.disturbances) {
      disturbances = watch.disturbances
      // Places that were read would be given to other events, and these be missed.
      if (cursor > followed.afterPosition) await reader.checkIsStored(cursor, followed.newPatience(signal))
      continue
    }
    if (watch.newest > cursor) await sleep(replicaPauseMs)
    else {
      watch.open(cursor)
      await watch.appended.wait(seen, { signal, timeoutMs: lookAgainMs })
    }
  }
}

/** What fails because it was aborted is no failure. */
async function readUnlessAborted<TResult>(signal: AbortSignal, read: () => Promise<TResult>) {
  try {
    const result = await read()
    return signal.aborted ? undefined : result
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}
