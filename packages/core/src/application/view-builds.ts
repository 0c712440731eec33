/** The builds of views, as an operator works with them: builds them anew, compares, promotes, rolls back and drops them. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { hasErrorCode } from '../errors/cim-error.ts'
import { UnknownNameError } from '../errors/input-errors.ts'
import { ViewLiveError } from '../errors/processing-errors.ts'
import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { ProcessorStatus } from '../event-processing/processor-status.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import type { LiveView } from '../read-side/query-handler.ts'
import { type StoredView, type ViewDefinition, viewKey } from '../read-side/view-store.ts'
import { BuildRunners, type BuildRunnersOptions } from './build-runners.ts'
import { compareBuilds, type ViewComparison } from './compare-builds.ts'
import { FirstPromotion } from './first-promotion.ts'
import { buildsOf, LiveBuilds, newestReadable } from './live-builds.ts'

/** What {@link ViewBuilds} needs. */
export interface ViewBuildsOptions extends BuildRunnersOptions {
  readonly projections: readonly ProjectionDefinition[]
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** One build of a view, as an operator sees it. */
export interface ViewBuild extends StoredView {
  /** For instance `PersonView@2.3`; also the name of the processor that keeps it. */
  readonly key: string
  /** Undefined when this application does not run it. */
  readonly processor: ProcessorStatus | undefined
  /** Seconds until it has caught up at its present rate; undefined when that cannot be told. */
  readonly etaSeconds: number | undefined
}

/**
 * Knows every build of every view, and runs those that have to be kept up to date. Whatever changes or runs a build throws an
 * {@link ApplicationStoppedError} while the application does not run.
 */
export class ViewBuilds {
  readonly #options: ViewBuildsOptions
  readonly #projections: ReadonlyMap<string, ProjectionDefinition>
  readonly #running: BuildRunners
  readonly #live: LiveBuilds
  #promotions: Promise<void>[] = []

  constructor(options: ViewBuildsOptions) {
    const { eventStore, viewStore, projections } = options
    this.#options = options
    this.#projections = new Map(projections.map((projection) => [projection.viewName, projection]))
    this.#running = new BuildRunners(options)
    this.#live = new LiveBuilds({ eventStore, viewStore, found: (view, builds) => this.#runLive(view, builds) })
  }

  get runners(): readonly ProcessorRunner[] {
    return this.#running.all
  }

  /**
   * Starts what has to run: of each view the build that queries read, and builds that are not finished. A view that was
   * never built is built, and becomes live once it has caught up.
   */
  async start(): Promise<void> {
    this.#running.begin()
    for (const projection of this.#options.projections) {
      const builds = await buildsOf(this.#options.viewStore, projection)
      const readable = newestReadable(builds)
      if (readable !== undefined) await this.#keep({ ...projection, build: readable.build })
      const unfinished = builds.filter(({ state }) => state === 'building')
      if (readable === undefined) await this.#runFirst({ ...projection, build: unfinished.pop()?.build ?? 1 })
      for (const { build } of unfinished) await this.#keep({ ...projection, build })
    }
  }

  async stop(): Promise<void> {
    await this.#running.stop()
    await Promise.all(this.#promotions)
    this.#promotions = []
    this.#live.forget()
  }

  /**
   * Says which build queries read: the live one of the projection's version, or the newest one of it that was live, when
   * another version is live now.
   * @param wait how long to wait for a view that is being built for the first time, in milliseconds
   * @throws {ViewNotReadyError} when there is none to read
   */
  liveView(projection: ProjectionDefinition, wait: Parameters<LiveView>[1]): Promise<ViewDefinition> {
    return this.#live.liveView(projection, wait)
  }

  /** @throws {UnknownNameError} when the application has no such view */
  assertKnown(viewName: string): void {
    this.#projectionOf(viewName)
  }

  /** @returns every build of every version that the store has, of one view or of all */
  async list(viewName?: string): Promise<readonly ViewBuild[]> {
    const stored = await this.#options.viewStore.listViews(viewName)
    return stored.map((view) => {
      const key = viewKey(view)
      const processor = this.#running.get(key)?.runner.status
      return { ...view, key, processor, etaSeconds: processor === undefined ? undefined : etaOf(processor) }
    })
  }

  /**
   * Begins to build a view anew, beside the one that queries read; they go on reading that one. Goes on after a restart.
   * @param viewName one of the application's
   * @returns key of the build: promote it once it has caught up
   * @throws {ApplicationStoppedError} when the application does not run
   */
  async rebuild(viewName: string): Promise<string> {
    this.#running.stopping.throwIfAborted()
    const projection = this.#projectionOf(viewName)
    const builds = await buildsOf(this.#options.viewStore, projection)
    const view = { ...projection, build: Math.max(0, ...builds.map(({ build }) => build)) + 1 }
    await this.#options.viewStore.openView(view)
    await this.#naming(viewName, () => this.#running.keep(view))
    return viewKey(view)
  }

  /**
   * Looks for differences between a build and the one that queries read. Both are kept up to date until it has ended.
   * @param options how many documents to look at: 1,000 when left out
   * @throws {UnknownNameError} when there is no such build, or one of both is dropped meanwhile
   * @throws {ApplicationStoppedError} when the application does not run
   */
  async compare(
    viewName: string,
    key: string,
    options: { readonly sampleSize?: number; readonly signal?: AbortSignal } = {},
  ): Promise<ViewComparison> {
    checkOptions('compare', options, ['sampleSize', 'signal'])
    const { signal } = options
    const sampleSize = checkWholeNumber('compare', 'sampleSize', options.sampleSize ?? 1000, {
      least: 1,
      most: 100_000,
    })
    this.#running.stopping.throwIfAborted()
    const projection = this.#projectionOf(viewName)
    const live = (await this.liveView(projection, { waitMs: 0 })) as ProjectionDefinition
    const other = await this.#buildOf(projection, key)
    const { viewStore } = this.#options
    return this.#naming(viewName, () =>
      this.#running.during(live, (one) =>
        this.#running.during(other, (another) => {
          const catchUp = async (): Promise<void> => {
            await Promise.all([one, another].map((build) => this.#running.catchUp(build, signal)))
          }
          return compareBuilds({ viewStore, live, other, sampleSize, catchUp, signal: this.#running.endOf(signal) })
        }),
      ),
    )
  }

  /**
   * Lets a build catch up, then makes it the one that queries read. The one before is kept, and no longer kept up to date.
   * @param key of a build of the application's version of the view, a retired one too
   * @throws {ViewPromotedError} when somebody has promoted another build meanwhile
   * @throws {UnknownNameError} when there is no such build, or it is dropped meanwhile
   * @throws {ApplicationStoppedError} when the application does not run
   */
  async promote(viewName: string, key: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkOptions('promote', options, ['signal'])
    this.#running.stopping.throwIfAborted()
    const projection = this.#projectionOf(viewName)
    const live = liveOf(await this.#options.viewStore.listViews(viewName))
    await this.#promote(await this.#buildOf(projection, key), live, options.signal)
  }

  /**
   * Goes back to the build that queries read before the present one.
   * @returns its key
   * @throws {UnknownNameError} when none is kept
   * @throws {ViewPromotedError} when somebody has promoted another build meanwhile
   * @throws {ApplicationStoppedError} when the application does not run
   */
  async rollback(viewName: string, options: { readonly signal?: AbortSignal } = {}): Promise<string> {
    checkOptions('rollback', options, ['signal'])
    this.#running.stopping.throwIfAborted()
    const projection = this.#projectionOf(viewName)
    // Of one moment: what was promoted after it would be another present one.
    const all = await this.#options.viewStore.listViews(viewName)
    const builds = all.filter(({ version }) => version === projection.version)
    const before = newestReadable(builds.filter(({ state }) => state === 'retired'))
    if (before === undefined)
      throw new UnknownNameError('unknown-view-build', `before ${viewName}`, builds.map(viewKey))
    await this.#promote({ ...projection, build: before.build }, liveOf(all), options.signal)
    return viewKey(before)
  }

  /**
   * Deletes a build that queries do not read. Of a promotion and a drop at once, one is done and the other is refused.
   * @throws {ViewLiveError} when they do
   * @throws {UnknownNameError} when there is no such build
   * @throws {ApplicationStoppedError} when the application does not run
   */
  async drop(viewName: string, key: string): Promise<void> {
    this.#running.stopping.throwIfAborted()
    const { viewStore } = this.#options
    const stored = (await viewStore.listViews(viewName)).find((view) => viewKey(view) === key)
    if (stored === undefined) throw await this.#unknownBuild(viewName, key)
    if (stored.state === 'live') throw new ViewLiveError(key)
    const view = this.#running.get(key)?.view
    await this.#running.halt(key)
    try {
      await viewStore.dropView(stored)
    } catch (error) {
      // Promoted meanwhile, or not dropped for another reason: it has to be kept up to date further.
      if (view !== undefined) await this.#running.keep(view).catch(() => undefined)
      throw error
    }
  }

  async #promote(
    view: ProjectionDefinition,
    before: StoredView | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { viewStore, now } = this.#options
    const liveKey = before === undefined ? undefined : viewKey(before)
    if (liveKey === viewKey(view)) return
    await this.#naming(view.viewName, () =>
      this.#running.during(view, async (build) => {
        const position = await this.#running.catchUp(build, signal)
        await viewStore.promoteView(view, liveKey, now(), position)
        this.#live.forget()
        // Stopped meanwhile, it runs when the application starts again.
        await this.#running.keep(view).catch(() => undefined)
      }),
    )
    if (liveKey !== undefined && before?.version === view.version) await this.#running.retire(liveKey)
  }

  /** Runs the build that queries read, whoever has promoted it, and no longer those that they have read before. */
  async #runLive(view: ProjectionDefinition, builds: readonly StoredView[]): Promise<void> {
    if (this.#running.stopping.aborted) return
    const others = builds.filter(({ state, build }) => state === 'retired' && build !== view.build)
    for (const other of others) await this.#running.retire(viewKey(other))
    await this.#running.keep(view)
  }

  /** Another process may have dropped it since it was listed. */
  async #keep(view: ProjectionDefinition): Promise<void> {
    try {
      await this.#running.keep(view)
    } catch (error) {
      if (!hasErrorCode(error, 'unknown-view')) throw error
    }
  }

  /** Runs a new view, and promotes it once it has caught up. */
  async #runFirst(view: ProjectionDefinition): Promise<void> {
    const { eventStore, viewStore, now } = this.#options
    const promoted = (): void => this.#live.forget()
    const first = new FirstPromotion({ eventStore, viewStore, running: this.#running, view, now, promoted })
    await viewStore.openView(view)
    await first.promoteIfReady()
    await this.#running.keep(view)
    this.#promotions.push(first.promoteOnceReady())
  }

  /** Who drops a build while others work with it makes it unknown to them: they are told as if it never had been there. */
  async #naming<TResult>(viewName: string, work: () => Promise<TResult>): Promise<TResult> {
    try {
      return await work()
    } catch (error) {
      if (!hasErrorCode(error, 'unknown-view')) throw error
      throw await this.#unknownBuild(viewName, (error as UnknownNameError).unknownName)
    }
  }

  async #buildOf(projection: ProjectionDefinition, key: string): Promise<ProjectionDefinition> {
    const builds = await buildsOf(this.#options.viewStore, projection)
    const stored = builds.find((view) => viewKey(view) === key)
    if (stored === undefined) throw await this.#unknownBuild(projection.viewName, key)
    return { ...projection, build: stored.build }
  }

  async #unknownBuild(viewName: string, key: string): Promise<UnknownNameError> {
    const builds = await this.#options.viewStore.listViews(viewName)
    return new UnknownNameError('unknown-view-build', key, builds.map(viewKey))
  }

  #projectionOf(viewName: string): ProjectionDefinition {
    const projection = this.#projections.get(viewName)
    if (projection === undefined) throw new UnknownNameError('unknown-view', viewName, this.#projections.keys())
    return projection
  }
}

/** @returns the build that is live, of whatever version */
function liveOf(builds: readonly StoredView[]): StoredView | undefined {
  return builds.find(({ state }) => state === 'live')
}

function etaOf({ lagEvents, eventsPerSecond }: ProcessorStatus): number | undefined {
  if (lagEvents === 0) return 0
  return eventsPerSecond < 0.01 ? undefined : lagEvents / eventsPerSecond
}
