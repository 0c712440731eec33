/** Puts aggregates, projections, queries and stores together into something that runs. */

import { type AcknowledgmentOptions, CommandQueue } from '../command-queue/command-queue.ts'
import { commandQueueName } from '../command-queue/command-queue-processor.ts'
import { queuedCommand } from '../command-queue/queued-command.ts'
import { checkOptions } from '../errors/check-options.ts'
import { InvalidDefinitionError, InvalidOptionError, UnknownNameError } from '../errors/input-errors.ts'
import { neverThrowing } from '../errors/never-throwing.ts'
import { systemClock } from '../event-processing/clock.ts'
import type { EventProcessor } from '../event-processing/event-processor.ts'
import { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { ProcessorRunnerOptions } from '../event-processing/processor-runner-options.ts'
import type { ProcessorStatus } from '../event-processing/processor-status.ts'
import { ReactionProcessor } from '../event-processing/reaction-processor.ts'
import { TracedProcessor } from '../event-processing/traced-processor.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { PublishingProcessor } from '../integration/publishing-processor.ts'
import { waitForPosition } from '../read-side/consistency.ts'
import { LiveQueries } from '../read-side/live-queries.ts'
import type { LiveResult } from '../read-side/live-query.ts'
import type { PastMoment } from '../read-side/past-views.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { ProjectionProcessor } from '../read-side/projection-processor.ts'
import type { Query, QueryDefinition } from '../read-side/query.ts'
import { QueryHandler } from '../read-side/query-handler.ts'
import { createReadModel } from '../read-side/read-model.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import type { SagaPrincipal } from '../sagas/saga-processor.ts'
import { Sagas } from '../sagas/sagas.ts'
import { type HistoryEntry, historyOf, type Moment, stateAt } from '../time-travel/state-at.ts'
import { ViewsAt } from '../time-travel/views-at.ts'
import { CommandSpans } from '../tracing/command-spans.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import type { Command } from '../write-side/command.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import { CommandHandler, type HandleOptions } from '../write-side/command-handler.ts'
import type { LoadedAggregate } from '../write-side/load-aggregate.ts'
import { Repository } from '../write-side/repository.ts'
import { type ApplicationOptions, applicationOptionNames } from './application-options.ts'
import { type BranchOptions, branchApplication } from './branch.ts'
import { Processing } from './processing.ts'
import { Reactions } from './reactions.ts'
import { ViewBuilds } from './view-builds.ts'

/** Options of {@link Application.dispatch}. */
export interface DispatchOptions extends HandleOptions {
  /** `async`: acknowledges Pending once the command is durable, and executes it later. `sync` when left out. */
  readonly mode?: 'sync' | 'async'
}

/** A whole CIM application: commands in, durable events, views out. Does not own its stores: close them after it. */
export class Application implements AsyncDisposable {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  readonly aggregates: ReadonlyMap<string, AggregateDefinition>
  readonly projections: readonly ProjectionDefinition[]
  readonly queries: readonly QueryDefinition[]
  readonly #commandHandler: CommandHandler
  readonly #queryHandler: QueryHandler
  readonly #liveQueries: LiveQueries
  /** The builds of every view: to rebuild, compare, promote and roll back. */
  readonly viewBuilds: ViewBuilds
  /** What happens outside when something has happened here. */
  readonly reactions: Reactions
  /** Processes across aggregates: to watch, retry and cancel. */
  readonly sagas: Sagas
  /** Commands that are executed later. */
  readonly commandQueue: CommandQueue
  /** The processors and their dead letters: to watch, pause, audit, retry and discard. */
  readonly processing: Processing
  readonly #publications: readonly ProcessorRunner[]
  readonly #options: ApplicationOptions
  readonly #pastViews: ViewsAt

  constructor(options: ApplicationOptions) {
    checkOptions('Application', options, applicationOptionNames)
    this.#options = options
    const { eventStore, viewStore, snapshotStore, aggregates, projections = [], queries = [], authorize } = options
    this.eventStore = eventStore
    this.viewStore = viewStore
    this.aggregates = new Map(aggregates.map((definition) => [definition.aggregateType, definition]))
    this.projections = projections
    this.queries = queries
    checkUnique('Aggregate', [
      ...[...aggregates, queuedCommand].map(({ aggregateType }) => aggregateType),
      // The journal of a saga is an aggregate of its name.
      ...(options.sagas ?? []).map(({ sagaName }) => sagaName),
    ])
    checkUnique(
      'Projection',
      [...projections, ...(options.inlineViews?.projections ?? [])].map(({ viewName }) => viewName),
    )
    const clock = options.now === undefined ? undefined : { now: options.now }
    const snapshots = snapshotStore === undefined ? undefined : { snapshotStore }
    const commandSpans = new CommandSpans()
    this.#commandHandler = new CommandHandler({
      ...options.commands,
      ...clock,
      commandSpans,
      eventStore,
      repositories: aggregates.map(
        (definition) => new Repository({ ...options.repository, ...snapshots, definition, eventStore }),
      ),
      ...(authorize === undefined ? undefined : { authorize }),
    })
    const { concurrency, handlerTimeoutMs, ...processing } = options.processors ?? {}
    const handling = {
      ...(concurrency === undefined ? undefined : { concurrency }),
      ...(handlerTimeoutMs === undefined ? undefined : { handlerTimeoutMs }),
    }
    const createRunner = (processor: EventProcessor, more?: Pick<ProcessorRunnerOptions, 'startAt'>): ProcessorRunner =>
      new ProcessorRunner({
        ...processing,
        ...more,
        eventStore,
        processor: new TracedProcessor(processor, commandSpans),
      })
    const now = options.now ?? Date.now
    const { progressStore = viewStore.progressStore } = options
    const journals = { ...options.repository, ...snapshots, ...options.commands, ...clock, commandSpans }
    this.sagas = new Sagas({
      eventStore,
      sagas: options.sagas ?? [],
      progressStore,
      journals,
      dispatch: (command, principal: SagaPrincipal) => this.dispatch(command, { principal }),
      createRunner,
      readInstances: (projection, consistency) =>
        createReadModel(async () => {
          const view = await this.viewBuilds.liveView(projection, consistency)
          await waitForPosition(viewStore, view, consistency)
          return { viewStore, view }
        }),
      viewsChanged: viewStore.committed,
      clock: options.processors?.clock ?? { ...systemClock, ...clock },
      onError: neverThrowing(options.onSagaError),
    })
    const allProjections =
      this.sagas.projection === undefined
        ? projections
        : [...projections, this.sagas.projection as ProjectionDefinition]
    this.viewBuilds = new ViewBuilds({
      eventStore,
      viewStore,
      projections: allProjections,
      createRunner: (projection, whenDropped) =>
        createRunner(new ProjectionProcessor(projection, viewStore, { ...handling, whenDropped })),
      now,
    })
    this.reactions = new Reactions({
      eventStore,
      reactions: options.reactions ?? [],
      createRunner: (reaction) =>
        createRunner(new ReactionProcessor(reaction, progressStore, handling), { startAt: reaction.startAt }),
      now,
    })
    this.#publications = (options.publications ?? []).map((publication) =>
      createRunner(new PublishingProcessor(publication, progressStore), { startAt: publication.startAt }),
    )
    this.commandQueue = new CommandQueue({
      eventStore,
      progressStore,
      commandHandler: this.#commandHandler,
      options: options.commandQueue,
      failures: processing.failures,
      createRunner: (processor, startAt) => createRunner(processor, { startAt }),
      now,
    })
    checkUnique('Processor', [
      commandQueueName,
      ...allProjections.map(({ viewName }) => viewName),
      ...(options.reactions ?? []).map(({ reactionName }) => reactionName),
      ...(options.sagas ?? []).map(({ sagaName }) => sagaName),
      ...(options.publications ?? []).map(({ publicationName }) => publicationName),
    ])
    this.processing = new Processing({ eventStore, runners: () => this.#runners, now })
    this.#pastViews = new ViewsAt(eventStore, now, handling, options.pastViews)
    this.#queryHandler = new QueryHandler({
      ...clock,
      viewStore,
      projections,
      ...(options.inlineViews === undefined ? undefined : { inlineViews: options.inlineViews }),
      queries,
      liveView: (projection, wait) => this.viewBuilds.liveView(projection, wait),
      pastViews: this.#pastViews,
    })
    this.#liveQueries = new LiveQueries({
      viewStore,
      queryHandler: this.#queryHandler,
      ...(options.inlineViews === undefined ? undefined : { inlineViews: options.inlineViews }),
    })
  }

  /** Starts every processor from its checkpoint. @see {@link ViewBuilds.start} */
  async start(): Promise<void> {
    try {
      await this.viewBuilds.start()
      await this.reactions.start()
      await this.sagas.start()
      await this.commandQueue.start()
      for (const runner of this.#publications) await runner.start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Ends what is watched, lets every processor finish its batch, then stops it. */
  async stop(): Promise<void> {
    this.#liveQueries.close()
    const publications = this.#publications.map((runner) => runner.stop())
    const parts = [this.viewBuilds, this.reactions, this.sagas, this.commandQueue]
    await Promise.all([...parts.map((part) => part.stop()), ...publications])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** How every processor is doing. */
  get processors(): readonly ProcessorStatus[] {
    return this.#runners.map(({ status }) => status)
  }

  get #runners(): readonly ProcessorRunner[] {
    const parts = [this.viewBuilds, this.reactions, this.sagas, this.commandQueue]
    return [...parts.flatMap(({ runners }) => runners), ...this.#publications]
  }

  /**
   * Handles a command, or queues it when the mode is `async`.
   * @see {@link CommandHandler.handle}
   * @see {@link CommandQueue.dispatch}
   */
  async dispatch(
    command: Command,
    { mode = 'sync', ...options }: DispatchOptions = {},
  ): Promise<CommandAcknowledgment> {
    switch (mode) {
      case 'sync':
        return this.#commandHandler.handle(command, options)
      case 'async':
        return this.commandQueue.dispatch(command, options)
      default:
        throw new InvalidOptionError('dispatch', 'mode', `must be sync or async, got ${JSON.stringify(mode)}.`)
    }
  }

  /** Tells what has become of a queued command, at once or when it is finished. @see {@link CommandQueue.acknowledgmentOf} */
  acknowledgmentOf(commandId: string, options?: AcknowledgmentOptions): Promise<CommandAcknowledgment> {
    return this.commandQueue.acknowledgmentOf(commandId, options)
  }

  /** Answers a query. @see {@link QueryHandler.handle} */
  query<TParameters, TResult>(
    definition: QueryDefinition<string, TParameters, TResult>,
    parameters: TParameters,
    options?: Pick<Query, 'afterPosition' | 'waitMs' | 'asOf'> & { readonly signal?: AbortSignal },
  ): Promise<TResult | undefined> {
    const { signal, ...consistency } = options ?? {}
    return this.answer(
      definition.query(parameters, consistency),
      signal === undefined ? undefined : { signal },
    ) as Promise<TResult | undefined>
  }

  /** Answers a query that came as plain JSON. @see {@link QueryHandler.handle} */
  answer(query: Query, options?: { readonly signal?: AbortSignal }): Promise<unknown> {
    return this.#queryHandler.handle(query, options)
  }

  /** Answers a query that came as plain JSON, and again when its result has changed. @see {@link LiveQueries.watch} */
  watch(query: Query, options?: { readonly signal?: AbortSignal }): AsyncIterable<LiveResult> {
    return this.#liveQueries.watch(query, options)
  }

  /** How many queries are watched now. */
  get watchedQueries(): number {
    return this.#liveQueries.size
  }

  /** An aggregate's state at a moment. @see {@link stateAt} @throws {UnknownNameError} when the type is not defined */
  async stateAt(aggregateType: string, aggregateId: string, moment?: Moment): Promise<LoadedAggregate> {
    return stateAt(this.#definitionOf(aggregateType), this.eventStore, aggregateId, moment)
  }

  /** An aggregate's events with their differences. @see {@link historyOf} @throws {UnknownNameError} when the type is not defined */
  async historyOf(
    aggregateType: string,
    aggregateId: string,
    options?: { readonly fromVersion?: number; readonly limit?: number },
  ): Promise<readonly HistoryEntry[]> {
    return historyOf(this.#definitionOf(aggregateType), this.eventStore, aggregateId, options)
  }

  /**
   * Opens a what-if: this application in memory, in which a moment of the past is the present. Its events up to there are read
   * from this one's event store; whatever happens in it, nothing is written there, to the view store or to the snapshot store.
   * Projections and the command queue run in it, and nothing else that follows events. Its views are built before it is returned.
   * @param moment a position or a timestamp; now when left out
   * @param options its clock (this application's when left out), and a signal to give up while its views are built
   * @returns started; stop it in the end
   * @throws {ValidationError} when the moment is not well-formed, beyond the newest event, or in the future
   */
  branch(moment: PastMoment = {}, options: BranchOptions = {}): Promise<Application> {
    const [application, pastViews, { eventStore }] = [this.#options, this.#pastViews, this]
    const create = (shared: ApplicationOptions) => new Application(shared)
    return branchApplication({ eventStore, application, pastViews, create }, moment, options)
  }

  #definitionOf(aggregateType: string): AggregateDefinition {
    const definition =
      this.aggregates.get(aggregateType) ??
      ([queuedCommand, ...this.sagas.journals].find((own) => own.aggregateType === aggregateType) as
        | AggregateDefinition
        | undefined)
    if (definition === undefined)
      throw new UnknownNameError('unknown-aggregate-type', aggregateType, this.aggregates.keys())
    return definition
  }
}

function checkUnique(kind: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new InvalidDefinitionError(`${kind} ${twice} is given twice.`)
}
