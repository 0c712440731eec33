/** Rebuilds an aggregate from its events. */

import { UndecodableEventError } from '../errors/event-errors.ts'
import { type DomainEvent, decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import type { AggregateDefinition } from './aggregate.ts'

/** An aggregate folded up to one of its events. */
export interface LoadedAggregate<TState = unknown> {
  readonly aggregateId: string
  readonly state: TState
  /** The sequence of the last event in the state, 0 when there is none. */
  readonly version: number
  /** The position of that event, 0 when there is none. */
  readonly position: number
  /** The time of that event, `""` when there is none. */
  readonly timestamp: string
}

/** The most events that are held in memory while an aggregate is folded. */
const eventsPerPage = 1000

/** @returns the aggregate before its first event */
export function emptyAggregate<TState>(
  definition: AggregateDefinition<string, TState>,
  aggregateId: string,
): LoadedAggregate<TState> {
  return { aggregateId, state: definition.initialState, version: 0, position: 0, timestamp: '' }
}

/**
 * Loads the events after a folded aggregate and folds them in, page by page.
 * @param definition the aggregate's
 * @param eventStore where the events are
 * @param start what is folded already; {@link emptyAggregate} to load everything
 * @param toVersion the last version to fold in; everything when left out
 * @see the mission's heading "Event Replay"
 */
export async function loadAggregate<TState>(
  definition: AggregateDefinition<string, TState>,
  eventStore: EventStore,
  start: LoadedAggregate<TState>,
  toVersion: number = Number.MAX_SAFE_INTEGER,
): Promise<LoadedAggregate<TState>> {
  const aggregate = { aggregateType: definition.aggregateType, aggregateId: start.aggregateId }
  let loaded = start
  while (loaded.version < toVersion) {
    const envelopes = await eventStore.loadEvents(aggregate, {
      fromVersion: loaded.version + 1,
      toVersion,
      limit: eventsPerPage,
    })
    loaded = foldEvents(definition, loaded, envelopes)
    if (envelopes.length === 0) break
  }
  return loaded
}

/**
 * @param definition the aggregate's
 * @param start what is folded already
 * @param envelopes the events that follow it, in order
 * @throws {UndecodableEventError} when an event cannot be lifted or applied
 */
export function foldEvents<TState>(
  definition: AggregateDefinition<string, TState>,
  start: LoadedAggregate<TState>,
  envelopes: readonly DomainEventEnvelope[],
): LoadedAggregate<TState> {
  const last = envelopes.at(-1)
  if (last === undefined) return start
  let state = start.state
  for (const envelope of envelopes) {
    // An event type that was taken out of the definition changes nothing, whatever its schema version was.
    if (!Object.hasOwn(definition.events, envelope.eventType)) continue
    state = applyEvent(definition, state, decodeEvent(envelope, definition.upcasters))
  }
  return {
    aggregateId: start.aggregateId,
    // It may be kept in memory: a decision that changes it must fail at once, not change the next decision.
    state: deepFreeze(state),
    version: last.sequence,
    position: last.position,
    timestamp: last.timestamp,
  }
}

/**
 * @param definition the aggregate's
 * @param state before the event
 * @param event decoded
 * @throws {UndecodableEventError} when `apply` fails
 */
export function applyEvent<TState>(
  definition: AggregateDefinition<string, TState>,
  state: TState,
  event: DomainEvent,
): TState {
  try {
    return definition.apply(state, event)
  } catch (cause) {
    throw new UndecodableEventError(event, `apply failed: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}
