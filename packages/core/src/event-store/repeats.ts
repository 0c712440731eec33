/** Recognises appends and commands that came before. */

import { CommandIdReusedError, EventIdReusedError } from '../errors/concurrency-errors.ts'
import type { AggregateRef } from './aggregate-ref.ts'
import type { DomainEventEnvelope } from './domain-event-envelope.ts'
import type { AppendResult, CommandIdentity } from './event-store.ts'
import { canonicalJson } from './fingerprint.ts'
import type { PreparedEvent } from './prepare-append.ts'

/**
 * @param aggregate that both commands address
 * @param first what the store remembers
 * @param again what came
 * @throws {CommandIdReusedError} when their fingerprints differ
 */
export function checkCommand(aggregate: AggregateRef, first: CommandIdentity, again: CommandIdentity): void {
  if (first.fingerprint === again.fingerprint) return
  throw new CommandIdReusedError(aggregate.aggregateType, aggregate.aggregateId, again.commandId)
}

/**
 * Compares events that came with those stored after the same expected version.
 * @param aggregate whose events these are
 * @param prepared those that came
 * @param present those stored from the expected version on, at most as many
 * @returns the first append's result when the same events are there, undefined when others are
 * @throws {EventIdReusedError} when the ids are the same and the content is not
 */
export function findRepeat(
  aggregate: AggregateRef,
  prepared: readonly PreparedEvent[],
  present: readonly DomainEventEnvelope[],
): AppendResult | undefined {
  if (present.length !== prepared.length) return undefined
  if (!prepared.every((event, index) => event.eventId === present[index]?.eventId)) return undefined
  for (const [index, event] of prepared.entries()) {
    const stored = present[index]
    if (stored === undefined || !isSame(event, stored)) {
      throw new EventIdReusedError(aggregate.aggregateType, aggregate.aggregateId, event.eventId)
    }
  }
  return repeatedAppend(present)
}

/** @returns the result of the append that stored these events, at least one */
export function repeatedAppend(events: readonly DomainEventEnvelope[]): AppendResult {
  const last = events.at(-1)
  if (last === undefined) throw new RangeError('A repeated append has at least one event.')
  return { events, version: last.sequence, position: last.position, timestamp: last.timestamp, isRepeat: true }
}

function isSame(event: PreparedEvent, stored: DomainEventEnvelope): boolean {
  return (
    event.eventType === stored.eventType &&
    event.schemaVersion === stored.schemaVersion &&
    canonicalJson(event.eventData) === canonicalJson(stored.eventData)
  )
}
