/** Asks for data without side effects. */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkOptions } from '../errors/check-options.ts'
import { InvalidDefinitionError } from '../errors/input-errors.ts'
import { isTypeName } from '../event-store/aggregate-ref.ts'
import type { PastMoment } from './past-views.ts'
import type { ProjectionDefinition } from './projection.ts'
import type { ReadModel } from './read-model.ts'

/**
 * A query as its sender writes it: plain JSON.
 * @see the mission's heading "Queries"
 */
export interface Query<TType extends string = string, TParameters = unknown> {
  /** `Get…` or `Find…` or `List…`. */
  readonly queryType: TType
  /** What the query's schema asks for. */
  readonly parameters: TParameters
  /** The views read must have seen this position: take it from an acknowledgment. */
  readonly afterPosition?: number
  /** How long to wait for that position at most, in milliseconds; 2,000 when left out. */
  readonly waitMs?: number
  /** Answers as of this moment of the past, from views as they were then. Not together with the two above. */
  readonly asOf?: PastMoment
}

/** Opens the view of a projection for reading, as fresh as the query asked for. */
export type Read = <TView, TIndex extends string>(
  projection: ProjectionDefinition<TView, TIndex>,
) => ReadModel<TView, TIndex>

/** Circumstances of a query, so that its handler needs no clock of its own. */
export interface QueryContext {
  /**
   * The time of the query, ISO-8601 in UTC. With `asOf`, the timestamp asked for, or the time of the newest event up to the
   * position asked for.
   */
  readonly now: string
}

/** A query as the runtime sees it. Made by {@link defineQuery}. */
export interface QueryDefinition<TType extends string = string, TParameters = unknown, TResult = unknown> {
  readonly queryType: TType
  readonly parameters: StandardSchemaV1<unknown, TParameters>
  /** Describes the result in OpenAPI. */
  readonly result: StandardSchemaV1<unknown, TResult>
  /** Answers the query from views. A result of undefined means "not found". */
  handle(parameters: TParameters, read: Read, context: QueryContext): Promise<TResult | undefined>
  /** Writes the query with its types checked. */
  query(parameters: TParameters, options?: Pick<Query, 'afterPosition' | 'waitMs' | 'asOf'>): Query<TType, TParameters>
}

/** What {@link defineQuery} takes. */
export interface QueryOptions<TParameters, TResult> {
  /** The schema of the parameters. Over HTTP they come as strings: coerce numbers. */
  readonly parameters: StandardSchemaV1<unknown, TParameters>
  readonly result: StandardSchemaV1<unknown, TResult>
  readonly handle: (
    parameters: TParameters,
    read: Read,
    context: QueryContext,
  ) => Promise<Result<NoInfer<TResult>> | undefined>
}

/** A result as a handler may give it: what read models return is read-only. */
export type Result<TResult> = TResult extends readonly (infer TItem)[] ? readonly TItem[] : TResult

/**
 * Defines a query and its handler.
 * @param queryType for instance `GetPersonById`
 * @param options schemas and handler
 * @see the mission's heading "Query Handlers"
 */
export function defineQuery<const TType extends string, TParameters, TResult>(
  queryType: TType,
  options: QueryOptions<TParameters, TResult>,
): QueryDefinition<TType, TParameters, TResult> {
  checkOptions(`defineQuery('${queryType}')`, options, ['parameters', 'result', 'handle'])
  if (!isTypeName(queryType)) {
    throw new InvalidDefinitionError(
      `Query ${JSON.stringify(queryType)}: the name must be a letter, then letters, digits, '_' or '-'.`,
    )
  }
  return {
    queryType,
    parameters: options.parameters,
    result: options.result,
    handle: (parameters, read, context) => options.handle(parameters, read, context) as Promise<TResult | undefined>,
    query: (parameters, queryOptions) => ({ ...queryOptions, queryType, parameters }),
  }
}
