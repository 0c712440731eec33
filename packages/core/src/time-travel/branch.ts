/** Opens the stores of a what-if. */

import type { EventStore } from '../event-store/event-store.ts'
import type { PastMoment } from '../read-side/past-views.ts'
import { BranchEventStore } from './branch-event-store.ts'
import { newestEventUpTo, resolveMoment } from './resolve-moment.ts'

/**
 * @param eventStore is read up to the moment, and never written
 * @param moment where the branch begins; now when it is empty
 * @param now the clock of the branch, milliseconds since 1970
 * @returns an event store in which the moment is the present; closing it leaves the other one open
 * @throws {ValidationError} when the moment is not well-formed, beyond the newest event, or in the future
 */
export async function openBranch(
  eventStore: EventStore,
  moment: PastMoment,
  now: () => number,
): Promise<BranchEventStore> {
  const isPresent = moment.position === undefined && moment.timestamp === undefined
  const where = isPresent ? { ...moment, position: await eventStore.headPosition() } : moment
  const { position, time } = await resolveMoment(where, { eventStore, now, pointer: '' })
  const newest = await newestEventUpTo(eventStore, position)
  const next = (await eventStore.readEvents({ afterPosition: position, limit: 1 })).events[0]
  const present = new Date(now()).toISOString()
  // Timestamps in UTC are in the order of their texts.
  const until = moment.timestamp !== undefined ? time : (next?.timestamp ?? present)
  const newestTimestamp = newest?.timestamp
  const recordedUntil = newestTimestamp !== undefined && newestTimestamp > until ? newestTimestamp : until
  return new BranchEventStore({
    eventStore,
    position,
    recordedUntil,
    now,
    ...(newestTimestamp === undefined ? undefined : { newestTimestamp }),
  })
}
