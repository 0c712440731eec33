/** An event of some aggregate, given to a projection. */

import type { EventMetadata, EventSource, NewEvent, Schema } from '@cim/core'
import { checkData } from './check-data.ts'

/** An event on its way into a scenario. Made by {@link pastEvent}. */
export interface PastEvent {
  readonly aggregateType: string
  readonly aggregateId: string
  readonly event: NewEvent
  readonly timestamp: string | undefined
}

/** Circumstances of a past event. */
export interface PastEventOptions {
  /** When it was stored, ISO-8601; the time of the event before it when left out. Never before that one. */
  readonly timestamp?: string
  readonly metadata?: EventMetadata
  /** An older version than the current one, to be lifted by the upcasters. Its data is not checked. */
  readonly schemaVersion?: number
}

/**
 * @param source the aggregate's definition
 * @param aggregateId which aggregate
 * @param eventType one of its events
 * @param data what that event's schema asks for
 * @param options circumstances
 * @throws {ScenarioError} when the data does not fit
 */
export function pastEvent<TSource extends EventSource, TName extends keyof TSource['events'] & string>(
  source: TSource,
  aggregateId: string,
  eventType: TName,
  data: DataOf<TSource['events'][TName]>,
  options: PastEventOptions = {},
): PastEvent {
  const { timestamp, metadata, schemaVersion } = options
  const current = (source.upcasters[eventType]?.length ?? 0) + 1
  const schema: Schema | undefined = Object.hasOwn(source.events, eventType) ? source.events[eventType] : undefined
  if ((schemaVersion ?? current) === current) checkData(schema, data, `given event ${eventType}`)
  const event = {
    eventType,
    eventData: data,
    schemaVersion: schemaVersion ?? current,
    ...(metadata === undefined ? undefined : { metadata }),
  }
  return { aggregateType: source.aggregateType, aggregateId, event, timestamp }
}

/** What a schema accepts once it has parsed it. */
export type DataOf<TSchema> = TSchema extends Schema<infer TData> ? TData : unknown
