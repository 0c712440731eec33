/** Opens a what-if of a whole application. */

import { checkOptions } from '../errors/check-options.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { PastMoment } from '../read-side/past-views.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { openBranch } from '../time-travel/branch.ts'
import type { ViewsAt } from '../time-travel/views-at.ts'
import type { ApplicationOptions } from './application-options.ts'
import type { ViewBuilds } from './view-builds.ts'

/** Options of {@link Application.branch}. */
export interface BranchOptions {
  /** The clock that decisions and queries in the branch are told, milliseconds since 1970; the application's when left out. */
  readonly now?: () => number
  /** Gives up while the branch's views are built. */
  readonly signal?: AbortSignal
}

/** What a branch is made from. */
export interface BranchSource<TBranch> {
  readonly eventStore: EventStore
  /** The application's own options. */
  readonly application: ApplicationOptions
  /** Give the branch's views a start. */
  readonly pastViews: ViewsAt
  readonly create: (options: ApplicationOptions) => TBranch
}

/**
 * Starts an application in memory over the events up to a moment.
 * @returns it, once its views have seen all of them
 */
export async function branchApplication<
  TBranch extends { readonly viewBuilds: ViewBuilds; start(): Promise<void>; stop(): Promise<void> },
>(source: BranchSource<TBranch>, moment: PastMoment, options: BranchOptions): Promise<TBranch> {
  checkOptions('branch', options, ['now', 'signal'])
  const { signal, now = source.application.now ?? Date.now } = options
  const eventStore = await openBranch(source.eventStore, moment, now)
  signal?.throwIfAborted()
  const projections = projectionsOf(source.application)
  const viewStore = new MemoryViewStore()
  for (const projection of projections) source.pastViews.prepare(viewStore, projection, eventStore.basePosition)
  const branch = source.create({ ...optionsOfBranch(source.application), eventStore, viewStore, now })
  try {
    await branch.start()
    const patience = { waitMs: Number.POSITIVE_INFINITY, ...(signal === undefined ? undefined : { signal }) }
    for (const projection of projections) await branch.viewBuilds.liveView(projection, patience)
  } catch (error) {
    await branch.stop()
    throw error
  }
  return branch
}

/** Names what a branch shares with its application: whatever is not named here stays outside. */
function optionsOfBranch(options: ApplicationOptions): Omit<ApplicationOptions, 'eventStore' | 'viewStore'> {
  const { aggregates, queries, authorize, repository, commands, processors, commandQueue, pastViews } = options
  const { onError: _, ...quietProcessors } = processors ?? {}
  const { onError: _onError, ...quietQueue } = commandQueue ?? {}
  return {
    aggregates,
    processors: quietProcessors,
    projections: projectionsOf(options),
    ...(queries === undefined ? undefined : { queries }),
    ...(authorize === undefined ? undefined : { authorize }),
    ...(repository === undefined ? undefined : { repository }),
    ...(commands === undefined ? undefined : { commands }),
    commandQueue: quietQueue,
    ...(pastViews === undefined ? undefined : { pastViews }),
  }
}

/** A view that the real event store keeps in-line is kept by a processor of the branch. */
function projectionsOf({ projections = [], inlineViews }: ApplicationOptions): readonly ProjectionDefinition[] {
  return [...projections, ...((inlineViews?.projections ?? []) as readonly ProjectionDefinition[])]
}
