/** An aggregate's state at any past moment, and how it came about. */

import { checkOptions } from '../errors/check-options.ts'
import { ValidationError } from '../errors/input-errors.ts'
import { type DomainEvent, decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { checkLoadOptions, parseTimestamp } from '../event-store/event-store-options.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import {
  applyEvent,
  emptyAggregate,
  foldEvents,
  type LoadedAggregate,
  loadAggregate,
} from '../write-side/load-aggregate.ts'
import { type Difference, differencesBetween } from './differences.ts'

/** A moment in an aggregate's past; the present when no field is given. At most one may be given. */
export interface Moment {
  /** After the event with this sequence; 0 is before the first. */
  readonly version?: number
  /** After every event up to this global position. */
  readonly position?: number
  /** After every event stored at this time or before, ISO-8601. */
  readonly timestamp?: string
}

/** One event of an aggregate, and the difference it made. */
export interface HistoryEntry<TState = unknown> {
  readonly event: DomainEvent
  readonly differences: readonly Difference[]
  /** The state after the event. */
  readonly state: TState
}

const eventsPerPage = 1000

/**
 * @param definition the aggregate's
 * @param eventStore where its events are
 * @param aggregateId which one
 * @param moment when
 * @returns the state at that moment; version 0 and the initial state when the aggregate did not exist yet
 * @throws {ValidationError} when the moment is not well-formed
 * @throws {UndecodableEventError} when a stored event cannot be applied
 */
export async function stateAt<TState>(
  definition: AggregateDefinition<string, TState>,
  eventStore: EventStore,
  aggregateId: string,
  moment: Moment = {},
): Promise<LoadedAggregate<TState>> {
  const isBefore = checkMoment(moment)
  let loaded = emptyAggregate(definition, aggregateId)
  if (moment.position === undefined && moment.timestamp === undefined) {
    return loadAggregate(definition, eventStore, loaded, moment.version)
  }
  const { aggregateType } = definition
  for (;;) {
    const page = await eventStore.loadEvents(
      { aggregateType, aggregateId },
      { fromVersion: loaded.version + 1, limit: eventsPerPage },
    )
    const past = page.filter(isBefore)
    loaded = foldEvents(definition, loaded, past)
    if (past.length < page.length || page.length === 0) return loaded
  }
}

/**
 * @param definition the aggregate's
 * @param eventStore where its events are
 * @param aggregateId which one
 * @param options the first version to show, from 1, and how many entries at most (100 when left out)
 * @returns the events with the difference that each made; none when the aggregate does not exist
 */
export async function historyOf<TState>(
  definition: AggregateDefinition<string, TState>,
  eventStore: EventStore,
  aggregateId: string,
  options: { readonly fromVersion?: number; readonly limit?: number } = {},
): Promise<readonly HistoryEntry<TState>[]> {
  checkOptions('historyOf', options, ['fromVersion', 'limit'])
  const { aggregateType } = definition
  const { fromVersion, limit } = checkLoadOptions({ ...options, limit: options.limit ?? 100 })
  const start = await loadAggregate(definition, eventStore, emptyAggregate(definition, aggregateId), fromVersion - 1)
  const envelopes = await eventStore.loadEvents({ aggregateType, aggregateId }, { fromVersion, limit })
  let { state } = start
  return envelopes.map((envelope) => {
    // An event type that was taken out of the definition is shown as it was stored.
    const isDefined = Object.hasOwn(definition.events, envelope.eventType)
    const event = decodeEvent(isDefined ? envelope : { ...envelope, schemaVersion: 1 }, definition.upcasters)
    const before = state
    state = applyEvent(definition, before, event)
    return { event, differences: differencesBetween(before, state), state }
  })
}

function checkMoment(moment: Moment): (event: DomainEventEnvelope) => boolean {
  const given = Object.keys(moment).filter((name) => moment[name as keyof Moment] !== undefined)
  const unknown = given.find((name) => !['version', 'position', 'timestamp'].includes(name))
  if (unknown !== undefined) throw invalidMoment(`/${unknown}`, 'is unknown. Known: version, position, timestamp')
  if (given.length > 1)
    throw invalidMoment('', `must have one of version, position and timestamp, got ${given.join(' and ')}`)
  for (const name of ['version', 'position'] as const) {
    const value = moment[name]
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue
    throw invalidMoment(`/${name}`, `must be a whole number from 0, got ${String(value)}`)
  }
  const until = parseTimestamp(moment.timestamp, '/timestamp', Number.POSITIVE_INFINITY)
  const last = moment.position ?? Number.POSITIVE_INFINITY
  return (event) => event.position <= last && Date.parse(event.timestamp) <= until
}

function invalidMoment(pointer: string, message: string): ValidationError {
  return new ValidationError('moment', [{ pointer, message }])
}
