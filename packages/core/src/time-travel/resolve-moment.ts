/** Finds the position that a moment stands for. */

import { ValidationError } from '../errors/input-errors.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { parseTimestamp } from '../event-store/event-store-options.ts'
import type { PastMoment, ResolvedMoment } from '../read-side/past-views.ts'

/** Where {@link resolveMoment} looks. */
export interface ResolveMomentOptions {
  readonly eventStore: EventStore
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** JSON pointer to the moment in the input, for messages. */
  readonly pointer: string
}

/** What ISO-8601 has four digits for. */
const firstTime = Date.parse('0000-01-01T00:00:00.000Z')
const lastTime = Date.parse('9999-12-31T23:59:59.999Z')
const mostEventsPerPage = 1000

/**
 * Unlike `stateAt`, refuses what is not past yet: an answer about a moment must be the same whenever it is asked for.
 * @param moment one of position and timestamp
 * @returns the position up to which events had happened, and the time that it was: the timestamp asked for, or that of the
 *   newest event up to the position, or now when there is none
 * @throws {ValidationError} when the moment is not well-formed, beyond the newest event, or in the future
 */
export async function resolveMoment(moment: PastMoment, options: ResolveMomentOptions): Promise<ResolvedMoment> {
  checkShape(moment, options.pointer)
  const { position, timestamp } = moment
  return position === undefined ? resolveTime(timestamp ?? '', options) : resolvePosition(position, options)
}

async function resolvePosition(position: number, options: ResolveMomentOptions): Promise<ResolvedMoment> {
  const head = await options.eventStore.headPosition()
  if (position > head) {
    throw invalidMoment(
      `${options.pointer}/position`,
      `must not be beyond the newest event, which has position ${head}, got ${position}`,
    )
  }
  const newest = await newestEventUpTo(options.eventStore, position)
  return { position, time: newest?.timestamp ?? new Date(options.now()).toISOString() }
}

async function resolveTime(timestamp: string, { eventStore, now, pointer }: ResolveMomentOptions) {
  const time = parseTimestamp(timestamp, `${pointer}/timestamp`, Number.NaN)
  const resolved = (position: number): ResolvedMoment => ({ position, time: new Date(time).toISOString() })
  const after = await eventStore.readEvents({ fromTimestamp: toIso(time + 1), limit: 1 })
  const next = after.events[0]
  if (next !== undefined) return resolved(next.position - 1)
  const present = now()
  if (time > present) {
    // The store's clock may be ahead of this one: what it has stored is past.
    const same = await eventStore.readEvents({ fromTimestamp: toIso(time), limit: 1 })
    if (same.events.length === 0) {
      const message = `must not be in the future: now is ${new Date(present).toISOString()}, got ${timestamp}`
      throw invalidMoment(`${pointer}/timestamp`, message)
    }
  }
  return resolved(after.position)
}

/** @returns the newest event that is not after a position, undefined when there is none */
export async function newestEventUpTo(
  eventStore: EventStore,
  position: number,
): Promise<DomainEventEnvelope | undefined> {
  // Positions may skip numbers: looks further and further back.
  for (let span = 1; ; span *= 10) {
    const start = Math.max(0, position - span)
    let newest: DomainEventEnvelope | undefined
    for (let afterPosition = start; afterPosition < position; ) {
      const page = await eventStore.readEvents({ afterPosition, limit: Math.min(span, mostEventsPerPage) })
      newest = page.events.findLast((event) => event.position <= position) ?? newest
      if (page.isEnd) break
      afterPosition = page.position
    }
    if (newest !== undefined || start === 0) return newest
  }
}

function checkShape(moment: PastMoment, pointer: string): void {
  if (typeof moment !== 'object' || moment === null) throw invalidMoment(pointer, 'must be an object')
  const given = Object.keys(moment).filter((name) => moment[name as keyof PastMoment] !== undefined)
  const unknown = given.find((name) => name !== 'position' && name !== 'timestamp')
  if (unknown !== undefined) throw invalidMoment(`${pointer}/${unknown}`, 'is unknown. Known: position, timestamp')
  if (given.length !== 1) throw invalidMoment(pointer, 'must have one of position and timestamp')
  const { position, timestamp } = moment
  if (position !== undefined && (!Number.isSafeInteger(position) || position < 0)) {
    throw invalidMoment(`${pointer}/position`, `must be a whole number from 0, got ${String(position)}`)
  }
  if (timestamp !== undefined && typeof timestamp !== 'string') {
    throw invalidMoment(`${pointer}/timestamp`, `must be a string, got ${typeof timestamp}`)
  }
}

function toIso(time: number): string {
  return new Date(Math.min(Math.max(time, firstTime), lastTime)).toISOString()
}

function invalidMoment(pointer: string, message: string): ValidationError {
  return new ValidationError('moment', [{ pointer, message }])
}
