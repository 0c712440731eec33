/** What an application is made of. */

import type { CommandQueueOptions } from '../command-queue/command-queue.ts'
import type { ProcessorRunnerOptions } from '../event-processing/processor-runner-options.ts'
import type { ProgressStore } from '../event-processing/progress-store.ts'
import type { ReactionDefinition } from '../event-processing/reaction.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { SnapshotStore } from '../event-store/snapshot.ts'
import type { PublicationDefinition } from '../integration/publication.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import type { ProjectionProcessorOptions } from '../read-side/projection-processor.ts'
import type { QueryDefinition } from '../read-side/query.ts'
import type { InlineViewSource, ViewStore } from '../read-side/view-store.ts'
import type { SagaDefinition } from '../sagas/saga.ts'
import type { ViewsAtOptions } from '../time-travel/views-at.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import type { Authorize, CommandHandlerOptions } from '../write-side/command-handler.ts'
import type { RepositoryOptions } from '../write-side/repository.ts'

/** What an {@link Application} is made of. */
export interface ApplicationOptions {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  /**
   * Where reactions, sagas, publications and the command queue keep how far they are; the view store's own when left out. Give one
   * that all processes share when each has views of its own, so that one process at a time runs each of them, wherever it is.
   */
  readonly progressStore?: ProgressStore
  readonly snapshotStore?: SnapshotStore
  readonly aggregates: readonly AggregateDefinition[]
  readonly projections?: readonly ProjectionDefinition[]
  /** Views that the event store keeps itself, for instance `SqliteEventStore.inlineViews`. */
  readonly inlineViews?: InlineViewSource
  readonly queries?: readonly QueryDefinition[]
  readonly reactions?: readonly ReactionDefinition[]
  readonly sagas?: readonly SagaDefinition[]
  /** Which events are handed to others, and how. */
  readonly publications?: readonly PublicationDefinition[]
  /** Is told when a deadline could not be reached; it is tried again. */
  readonly onSagaError?: (error: unknown) => void
  readonly authorize?: Authorize
  readonly repository?: Pick<RepositoryOptions, 'snapshotEvery' | 'maxCachedAggregates' | 'onSnapshotError'>
  readonly commands?: Pick<CommandHandlerOptions, 'maxAttempts' | 'newId'>
  /** The clock that decisions and queries are told, milliseconds since 1970. */
  readonly now?: () => number
  readonly processors?: Pick<
    ProcessorRunnerOptions,
    'batchSize' | 'clock' | 'eventsPerCheckpoint' | 'failures' | 'mostHeldSequences' | 'leaseMs' | 'onError' | 'random'
  > &
    Pick<ProjectionProcessorOptions, 'concurrency' | 'handlerTimeoutMs'>
  /** How much waits and is executed at once of commands that are sent in the mode `async`. */
  readonly commandQueue?: CommandQueueOptions
  /** Bounds of what is kept to answer queries as of the past. */
  readonly pastViews?: ViewsAtOptions
}

/** Every name that is allowed. */
export const applicationOptionNames: readonly string[] = [
  'eventStore',
  'viewStore',
  'progressStore',
  'snapshotStore',
  'aggregates',
  'projections',
  'inlineViews',
  'queries',
  'reactions',
  'sagas',
  'publications',
  'onSagaError',
  'authorize',
  'repository',
  'commands',
  'now',
  'processors',
  'commandQueue',
  'pastViews',
]
