/** Takes a query from its sender to its result. Never looks into the event store. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { hasErrorCode } from '../errors/cim-error.ts'
import { InvalidDefinitionError, InvalidOptionError, UnknownNameError } from '../errors/input-errors.ts'
import { parseWith } from '../schema/schema.ts'
import { waitForPosition } from './consistency.ts'
import type { PastMoment, PastViews } from './past-views.ts'
import type { ProjectionDefinition } from './projection.ts'
import type { Query, QueryDefinition, Read } from './query.ts'
import { createReadModel, type ReadableView } from './read-model.ts'
import type { InlineViewSource, ViewDefinition, ViewStore } from './view-store.ts'

/** What a {@link QueryHandler} needs. */
export interface QueryHandlerOptions {
  readonly viewStore: ViewStore
  /** The projections whose views may be read. */
  readonly projections: readonly ProjectionDefinition[]
  /** Views that the event store keeps itself, which may be read too. */
  readonly inlineViews?: InlineViewSource
  readonly queries: readonly QueryDefinition[]
  /**
   * Says which build of a projection's view queries read; its first one when left out.
   */
  readonly liveView?: LiveView
  /** Answers queries that ask for a moment of the past; they are refused when it is left out. */
  readonly pastViews?: PastViews
  /** The longest wait that a query may ask for, in milliseconds; 30,000 when left out. */
  readonly maxWaitMs?: number
  /** The clock, milliseconds since 1970. */
  readonly now?: () => number
}

/**
 * @param wait how long to wait for a view that is being built for the first time, in milliseconds, and whether the build that
 * was given before is there no more
 * @returns the build that queries read
 * @throws {ViewNotReadyError} when there is none to read
 */
export type LiveView = (
  projection: ProjectionDefinition,
  wait: { readonly waitMs: number; readonly signal?: AbortSignal; readonly isOutdated?: boolean },
) => Promise<ViewDefinition>

/** Options of {@link QueryHandler.handle}. */
export interface HandleQueryOptions {
  readonly signal?: AbortSignal
  /** Takes each view of the present before it is read, and gives what is read in its place. */
  readonly observe?: (readable: ReadableView) => Promise<ReadableView>
}

const defaultWaitMs = 2000

/**
 * Handles every query of an application: validates, waits for the position asked for, reads views.
 * @see the mission's heading "Query Handlers"
 */
export class QueryHandler {
  readonly #viewStore: ViewStore
  readonly #projections: ReadonlySet<ProjectionDefinition>
  readonly #inlineViews: InlineViewSource | undefined
  readonly #queries = new Map<string, QueryDefinition>()
  readonly #liveView: LiveView
  readonly #pastViews: PastViews | undefined
  readonly #maxWaitMs: number
  readonly #now: () => number

  constructor(options: QueryHandlerOptions) {
    checkOptions('QueryHandler', options, [
      'viewStore',
      'projections',
      'inlineViews',
      'queries',
      'liveView',
      'pastViews',
      'maxWaitMs',
      'now',
    ])
    this.#viewStore = options.viewStore
    this.#inlineViews = options.inlineViews
    const inline = (options.inlineViews?.projections ?? []) as readonly ProjectionDefinition[]
    this.#projections = new Set([...options.projections, ...inline])
    this.#liveView = options.liveView ?? (async (projection) => projection)
    this.#pastViews = options.pastViews
    this.#maxWaitMs = checkWholeNumber('QueryHandler', 'maxWaitMs', options.maxWaitMs ?? 30_000, { least: 0 })
    this.#now = options.now ?? Date.now
    for (const query of options.queries) {
      if (this.#queries.has(query.queryType))
        throw new InvalidDefinitionError(`Query ${query.queryType} is defined twice.`)
      this.#queries.set(query.queryType, query)
    }
  }

  /**
   * @param query plain JSON, as its sender wrote it
   * @param options a signal to give up waiting, and what comes between the handler and the views of the present
   * @returns the result; undefined when what was asked for does not exist
   * @throws {UnknownNameError} when no such query is defined
   * @throws {ValidationError} when the parameters do not fit the query's schema
   * @throws {ConsistencyTimeoutError} when a view did not reach the position in time
   * @throws {ViewNotReadyError} when a view is being built for the first time
   * @throws {HistoricalViewError} when a view cannot be shown as it was
   */
  async handle(query: Query, options?: HandleQueryOptions): Promise<unknown> {
    const definition = this.#queries.get(query.queryType)
    if (definition === undefined) throw new UnknownNameError('unknown-query', query.queryType, this.#queries.keys())
    const subject = `query ${query.queryType}`
    checkOptions(subject, query, ['queryType', 'parameters', 'afterPosition', 'waitMs', 'asOf'])
    const parameters = await parseWith(definition.parameters, query.parameters, subject)
    if (query.asOf !== undefined) {
      return this.#answer(definition, parameters, await this.#inThePast(query, query.asOf, options?.signal))
    }
    try {
      return await this.#answer(definition, parameters, this.#atPresent(query, options))
    } catch (error) {
      if (!hasErrorCode(error, 'unknown-view')) throw error
      // Since it was looked up, somebody may have promoted another build and dropped this one.
      return this.#answer(definition, parameters, this.#atPresent(query, options, true))
    }
  }

  async #answer(definition: QueryDefinition, parameters: unknown, { now, ready }: Circumstances): Promise<unknown> {
    const read: Read = (projection) => {
      if (!this.#projections.has(projection)) {
        throw new UnknownNameError(
          'unknown-view',
          projection.viewName,
          [...this.#projections].map(({ viewName }) => viewName),
        )
      }
      return createReadModel(ready(projection as ProjectionDefinition))
    }
    return definition.handle(parameters, read, { now })
  }

  #atPresent(query: Query, { signal, observe }: HandleQueryOptions = {}, isOutdated = false): Circumstances {
    const subject = `query ${query.queryType}`
    const afterPosition = checkWholeNumber(subject, 'afterPosition', query.afterPosition ?? 0, { least: 0 })
    const waitMs = checkWholeNumber(subject, 'waitMs', query.waitMs ?? defaultWaitMs, {
      least: 0,
      most: this.#maxWaitMs,
    })
    const consistency = { afterPosition, waitMs, ...(signal === undefined ? undefined : { signal }) }
    // Whoever asks for nothing special does not want to wait for a view to be built either.
    const isPatient = afterPosition > 0 || query.waitMs !== undefined
    const patience = { ...consistency, waitMs: isPatient ? waitMs : 0, isOutdated }
    const ready = (projection: ProjectionDefinition) => {
      // Asked for once: all reads of a query are of the same build.
      let live: Promise<ViewDefinition> | undefined
      const inline = this.#inlineViews
      if (inline?.projections.includes(projection) === true) {
        return async (): Promise<ReadableView> => {
          // It is as new as the event store; only a position that does not exist yet is waited for.
          await waitForPosition(inline.viewStore, projection, consistency)
          const readable = { viewStore: inline.viewStore, view: projection }
          return observe === undefined ? readable : observe(readable)
        }
      }
      return async (): Promise<ReadableView> => {
        live ??= this.#liveView(projection, patience)
        const view = await live
        await waitForPosition(this.#viewStore, view, consistency)
        const readable = { viewStore: this.#viewStore, view }
        return observe === undefined ? readable : observe(readable)
      }
    }
    return { now: new Date(this.#now()).toISOString(), ready }
  }

  /** Views are built when they are read: a query waits for those alone that its handler reads. */
  async #inThePast(query: Query, moment: PastMoment, signal: AbortSignal | undefined): Promise<Circumstances> {
    const subject = `query ${query.queryType}`
    const pastViews = this.#pastViews
    if (pastViews === undefined) throw new InvalidOptionError(subject, 'asOf', 'needs pastViews, which were not given.')
    for (const name of ['afterPosition', 'waitMs'] as const) {
      if (query[name] === undefined) continue
      throw new InvalidOptionError(subject, 'asOf', `cannot be given together with ${name}: the past does not change.`)
    }
    signal?.throwIfAborted()
    const { position, time } = await pastViews.resolve(moment, '/asOf')
    const ready = (projection: ProjectionDefinition) => {
      let past: Promise<ReadableView> | undefined
      return (): Promise<ReadableView> => {
        past ??= pastViews.viewAt(projection, position, signal)
        return past
      }
    }
    return { now: time, ready }
  }
}

/** When a query is answered, and how its views become ready to be read. */
interface Circumstances {
  /** ISO-8601 in UTC. */
  readonly now: string
  readonly ready: (projection: ProjectionDefinition) => () => Promise<ReadableView>
}
