/** Where events come from, as those see it who handle them. */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InvalidDefinitionError } from '../errors/input-errors.ts'
import type { DomainEvent } from './domain-event.ts'
import { subjectOf } from './subject-pattern.ts'
import type { Upcasters } from './upcaster.ts'

/** What a handler of events must know of an aggregate: the part of an AggregateDefinition that is about events. */
export interface EventSource<TType extends string = string, TEvents extends SchemaCatalogue = SchemaCatalogue> {
  readonly aggregateType: TType
  readonly events: TEvents
  readonly upcasters: Upcasters
}

/** Event schemas by event type. */
export type SchemaCatalogue = Readonly<Record<string, StandardSchemaV1>>

/** Any event of any of the sources. */
export type EventOf<TSource extends EventSource> =
  TSource extends EventSource<infer TType, infer TEvents>
    ? {
        [Name in keyof TEvents & string]: DomainEvent<Name, StandardSchemaV1.InferOutput<TEvents[Name]>, TType>
      }[keyof TEvents & string]
    : never

/**
 * @param subject whose handlers they are, for messages
 * @param sources the aggregates whose events are handled
 * @param eventTypes the handled ones
 * @returns their subjects
 * @throws {InvalidDefinitionError} when there is none, or no source defines one of them
 */
export function subjectsOf(
  subject: string,
  sources: readonly EventSource[],
  eventTypes: readonly string[],
): readonly string[] {
  if (eventTypes.length === 0) throw new InvalidDefinitionError(`${subject}: 'on' must handle at least one event.`)
  return eventTypes.flatMap((eventType) => {
    const from = sources.filter(({ events }) => Object.hasOwn(events, eventType))
    if (from.length === 0) {
      const known = sources.flatMap(({ events }) => Object.keys(events))
      throw new InvalidDefinitionError(
        `${subject}: no source defines the event ${eventType}. Known: ${known.join(', ')}.`,
      )
    }
    return from.map(({ aggregateType }) => subjectOf(aggregateType, eventType))
  })
}
