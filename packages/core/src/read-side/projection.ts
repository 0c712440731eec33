/** Defines a projection: which events change which view documents, and how. */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { InvalidDefinitionError } from '../errors/input-errors.ts'
import { isTypeName } from '../event-store/aggregate-ref.ts'
import type { DomainEvent } from '../event-store/domain-event.ts'
import { type EventOf, type EventSource, subjectsOf } from '../event-store/event-source.ts'
import type { Upcasters } from '../event-store/upcaster.ts'
import type { IndexFunction, ViewDefinition } from './view-store.ts'
import type { Views } from './views.ts'

/** Changes view documents for one event. May be asynchronous when it has to look documents up. */
export type ProjectionHandler<TEvent, TView> = (event: TEvent, views: Views<TView>) => void | Promise<void>

/** A projection as the runtime sees it. Made by {@link defineProjection}. */
export interface ProjectionDefinition<TView = unknown, TIndex extends string = string> extends ViewDefinition {
  readonly schema: StandardSchemaV1<unknown, TView>
  readonly indexes: Readonly<Record<TIndex, IndexFunction>>
  /** The subjects of the events that it handles. */
  readonly subjectPatterns: readonly string[]
  /** Upcasters by aggregate type. */
  readonly upcasters: ReadonlyMap<string, Upcasters>
  /** Changes view documents for one decoded event; an event type without a handler changes nothing. */
  project(event: DomainEvent, views: Views<TView>): void | Promise<void>
}

/** What {@link defineProjection} takes. */
export interface ProjectionOptions<TSource extends EventSource, TView, TIndex extends string> {
  /** The aggregates whose events it reads. */
  readonly from: readonly TSource[]
  /** The schema of one view document: gives its type, and the result schemas in OpenAPI. */
  readonly schema: StandardSchemaV1<unknown, TView>
  /** Raise it when handlers, schema or indexes change: the view is then built anew beside the old one. 1 when left out. */
  readonly version?: number
  /** By name: the values under which a document is found. */
  readonly indexes?: Readonly<Record<TIndex, IndexFunction<NoInfer<TView>>>>
  /** Per event type: what it changes. */
  readonly on: {
    readonly [Name in EventOf<TSource>['eventType']]?: ProjectionHandler<
      Extract<EventOf<TSource>, { readonly eventType: Name }>,
      TView
    >
  }
}

/**
 * Defines a projection and the view that it keeps.
 * @param viewName for instance `PersonView`
 * @param options sources, schema, indexes and handlers
 * @throws {InvalidDefinitionError} when names do not fit together
 * @see the mission's heading "Projection Updates"
 */
export function defineProjection<TSource extends EventSource, TView, TIndex extends string = never>(
  viewName: string,
  options: ProjectionOptions<TSource, TView, TIndex>,
): ProjectionDefinition<TView, TIndex> {
  checkOptions(`defineProjection('${viewName}')`, options, ['from', 'schema', 'version', 'indexes', 'on'])
  const version = checkWholeNumber(`defineProjection('${viewName}')`, 'version', options.version ?? 1, { least: 1 })
  const indexes = (options.indexes ?? {}) as Readonly<Record<string, IndexFunction>>
  for (const name of [viewName, ...Object.keys(indexes)]) {
    if (isTypeName(name)) continue
    throw new InvalidDefinitionError(
      `Projection ${viewName}: the name ${JSON.stringify(name)} must be a letter, then letters, digits, '_' or '-'.`,
    )
  }
  const handlers = new Map(Object.entries(options.on)) as Map<string, ProjectionHandler<DomainEvent, TView>>
  return {
    viewName,
    version,
    schema: options.schema,
    indexes,
    subjectPatterns: subjectsOf(`Projection ${viewName}`, options.from, [...handlers.keys()]),
    upcasters: new Map(options.from.map((source) => [source.aggregateType, source.upcasters])),
    project: (event, views) => handlers.get(event.eventType)?.(event, views),
  }
}
