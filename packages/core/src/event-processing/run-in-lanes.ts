/** Handles events of one aggregate in order, and those of different aggregates side by side. */

import { HandlerTimeoutError } from '../errors/processing-errors.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { Clock } from './clock.ts'
import { aggregateKey } from './dead-letter.ts'

/**
 * Begins with the events in their order, and lets later ones overtake only those that wait for another of their aggregate.
 * @param events in order
 * @param concurrency how many handlers run at once; 1: one after the other, in the order of positions
 * @param handle begins to handle an event; the next event of its lane waits for it. Must not throw.
 * @param laneOf events with the same lane are handled in order; their aggregate's when left out
 */
export async function runInLanes(
  events: readonly DomainEventEnvelope[],
  concurrency: number,
  handle: (event: DomainEventEnvelope) => Promise<void> | undefined,
  laneOf: (event: DomainEventEnvelope) => string = aggregateKey,
): Promise<void> {
  if (concurrency === 1) {
    for (const event of events) {
      const handling = handle(event)
      if (handling !== undefined) await handling
    }
    return
  }
  /** Of each lane in which an event is being handled, its events up to here. */
  const lanes = new Map<string, DomainEventEnvelope[]>()
  const waiting = events.values()
  const work = async (): Promise<void> => {
    for (const next of waiting) {
      const key = laneOf(next)
      const busy = lanes.get(key)
      if (busy !== undefined) {
        busy.push(next)
        continue
      }
      const lane = [next]
      lanes.set(key, lane)
      // It grows while its events are handled.
      for (const event of lane) {
        const handling = handle(event)
        if (handling !== undefined) await handling
      }
      lanes.delete(key)
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, events.length) }, work))
}

/**
 * @param work under way
 * @param subject what it is, for the message
 * @throws {HandlerTimeoutError} when it takes longer than so many milliseconds; it then runs on, and nobody listens
 */
export async function withTimeout<TResult>(
  work: Promise<TResult>,
  timeoutMs: number,
  subject: () => string,
  clock: Clock,
): Promise<TResult> {
  const late = Promise.withResolvers<never>()
  const cancel = clock.schedule(() => late.reject(new HandlerTimeoutError(subject(), timeoutMs)), timeoutMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    cancel()
  }
}
