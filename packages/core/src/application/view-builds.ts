/** Runs the projections of an application: keeps live views up to date, and builds new ones beside them. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { hasErrorCode } from '../errors/cim-error.ts'
import { UnknownNameError } from '../errors/input-errors.ts'
import { ViewNotReadyError } from '../errors/processing-errors.ts'
import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { ProcessorStatus } from '../event-processing/processor-status.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { type StoredView, type ViewDefinition, type ViewStore, viewKey } from '../read-side/view-store.ts'
import { compareBuilds, type ViewComparison } from './compare-builds.ts'

/** What {@link ViewBuilds} needs. */
export interface ViewBuildsOptions {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  readonly projections: readonly ProjectionDefinition[]
  /** Makes the runner of one build. */
  readonly createRunner: (projection: ProjectionDefinition) => ProcessorRunner
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

interface Running {
  readonly view: ProjectionDefinition
  readonly runner: ProcessorRunner
}

/** Another process may promote a build: its decision is noticed after so many milliseconds. */
const liveForMs = 1000
/** Before a promotion that failed is tried again. */
const promoteAgainMs = 1000

/** Knows every build of every view, and runs those that have to be kept up to date. */
export class ViewBuilds {
  readonly #options: ViewBuildsOptions
  readonly #projections: ReadonlyMap<string, ProjectionDefinition>
  readonly #running = new Map<string, Running>()
  readonly #live = new Map<string, { readonly view: ViewDefinition; readonly until: number }>()
  #stopping = new AbortController()
  #isStarted = false
  #promotions: Promise<void>[] = []

  constructor(options: ViewBuildsOptions) {
    this.#options = options
    this.#projections = new Map(options.projections.map((projection) => [projection.viewName, projection]))
  }

  get runners(): readonly ProcessorRunner[] {
    return [...this.#running.values()].map(({ runner }) => runner)
  }

  /**
   * Starts what has to run: of each view the build that queries read, and builds that are not finished. A view that was
   * never built is built, and becomes live once it has caught up.
   */
  async start(): Promise<void> {
    this.#stopping = new AbortController()
    for (const projection of this.#options.projections) {
      const builds = await this.#buildsOf(projection)
      const readable = newestReadable(builds)
      const unfinished = builds.filter(({ state }) => state === 'building')
      if (readable !== undefined) await this.#run({ ...projection, build: readable.build })
      if (readable === undefined && unfinished.length === 0) await this.#runFirst(projection)
      for (const [index, { build }] of unfinished.entries()) {
        const view = { ...projection, build }
        if (readable === undefined && index === unfinished.length - 1) await this.#runFirst(view)
        else await this.#run(view)
      }
    }
    this.#isStarted = true
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    this.#stopping.abort()
    await Promise.all(this.runners.map((runner) => runner.stop()))
    await Promise.all(this.#promotions)
    this.#promotions = []
    this.#live.clear()
  }

  /**
   * Says which build queries read: the live one of the projection's version, or the newest one of it that was live, when
   * another version is live now.
   * @param wait how long to wait for a view that is being built for the first time, in milliseconds
   * @throws {ViewNotReadyError} when there is none to read
   */
  async liveView(
    projection: ProjectionDefinition,
    wait: { readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<ViewDefinition> {
    const { viewStore, eventStore } = this.#options
    const deadline = performance.now() + wait.waitMs
    for (;;) {
      const known = this.#live.get(projection.viewName)
      if (known !== undefined && performance.now() < known.until) return known.view
      const seen = viewStore.committed.count
      const builds = await this.#buildsOf(projection)
      const readable = newestReadable(builds)
      if (readable !== undefined) {
        const view = { ...projection, build: readable.build }
        this.#live.set(projection.viewName, { view, until: performance.now() + liveForMs })
        // A build that another process has made is not known to the store's connection yet, and nobody may be left to run it.
        await viewStore.openView(view)
        if (this.#isStarted) await this.#run(view)
        return view
      }
      wait.signal?.throwIfAborted()
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) {
        const position = builds.at(-1)?.checkpoint ?? 0
        throw new ViewNotReadyError(projection.viewName, position, await eventStore.headPosition())
      }
      await viewStore.committed.wait(seen, { signal: wait.signal, timeoutMs: Math.min(leftMs, 50) })
    }
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
   */
  async rebuild(viewName: string): Promise<string> {
    const projection = this.#projectionOf(viewName)
    const builds = await this.#buildsOf(projection)
    const view = { ...projection, build: Math.max(0, ...builds.map(({ build }) => build)) + 1 }
    await this.#options.viewStore.openView(view)
    await this.#run(view)
    return viewKey(view)
  }

  /**
   * Looks for differences between a build and the one that queries read.
   * @param options how many documents to look at: 1,000 when left out
   */
  async compare(
    viewName: string,
    key: string,
    options: { readonly sampleSize?: number; readonly signal?: AbortSignal } = {},
  ): Promise<ViewComparison> {
    checkOptions('compare', options, ['sampleSize', 'signal'])
    const sampleSize = checkWholeNumber('compare', 'sampleSize', options.sampleSize ?? 1000, {
      least: 1,
      most: 100_000,
    })
    const projection = this.#projectionOf(viewName)
    const live = await this.liveView(projection, { waitMs: 0 })
    const other = await this.#buildOf(projection, key)
    const running = [await this.#run(live as ProjectionDefinition), await this.#run(other)]
    const catchUp = async (): Promise<void> => {
      const signal = this.#signalWith(options.signal)
      await Promise.all(running.map((runner) => runner.drain({ signal })))
    }
    const { viewStore } = this.#options
    return await compareBuilds({ viewStore, live, other, sampleSize, catchUp })
  }

  /**
   * Lets a build catch up, then makes it the one that queries read. The one before is kept, and no longer kept up to date.
   * @param key of a build of the application's version of the view, a retired one too
   * @throws {ViewPromotedError} when somebody has promoted another build meanwhile
   */
  async promote(viewName: string, key: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkOptions('promote', options, ['signal'])
    const { viewStore, now } = this.#options
    const projection = this.#projectionOf(viewName)
    const view = await this.#buildOf(projection, key)
    const before = await this.#liveOf(viewName)
    if (before !== undefined && viewKey(before) === key) return
    await this.#catchUp(view, await this.#run(view), this.#signalWith(options.signal))
    await viewStore.promoteView(view, before === undefined ? undefined : viewKey(before), now())
    this.#live.delete(viewName)
    if (before !== undefined && before.version === projection.version) await this.#halt(viewKey(before))
  }

  /**
   * Goes back to the build that queries read before the present one.
   * @returns its key
   * @throws {UnknownNameError} when none is kept
   */
  async rollback(viewName: string, options: { readonly signal?: AbortSignal } = {}): Promise<string> {
    const builds = await this.#buildsOf(this.#projectionOf(viewName))
    const before = newestReadable(builds.filter(({ state }) => state === 'retired'))
    if (before === undefined)
      throw new UnknownNameError('unknown-view-build', `before ${viewName}`, builds.map(viewKey))
    const key = viewKey(before)
    await this.promote(viewName, key, options)
    return key
  }

  /**
   * Deletes a build that queries do not read.
   * @throws {ViewLiveError} when they do
   */
  async drop(viewName: string, key: string): Promise<void> {
    const stored = (await this.#options.viewStore.listViews(viewName)).find((view) => viewKey(view) === key)
    if (stored === undefined) throw await this.#unknownBuild(viewName, key)
    const view = this.#running.get(key)?.view
    if (stored.state !== 'live') await this.#halt(key)
    try {
      await this.#options.viewStore.dropView(stored)
    } catch (error) {
      // Promoted meanwhile, or not dropped for another reason: it has to be kept up to date further.
      if (view !== undefined && !this.#stopping.signal.aborted) await this.#run(view)
      throw error
    }
  }

  /** @throws {UnknownNameError} when the build is dropped meanwhile: it may never become live half-built */
  async #catchUp(view: ProjectionDefinition, runner: ProcessorRunner, signal: AbortSignal): Promise<void> {
    await runner.drain({ signal })
    signal.throwIfAborted()
    const key = viewKey(view)
    if (this.#running.get(key)?.runner !== runner) throw await this.#unknownBuild(view.viewName, key)
  }

  /** Runs a new view, and promotes it once it has caught up. */
  async #runFirst(view: ProjectionDefinition): Promise<void> {
    const { viewStore, eventStore } = this.#options
    await viewStore.openView(view)
    // Nothing to catch up with: it is ready before anybody asks.
    if ((await viewStore.getCheckpoint(view)) >= (await eventStore.headPosition())) await this.#promoteFirst(view)
    const runner = await this.#run(view)
    this.#promotions.push(this.#promoteOnceReady(view, runner, this.#stopping.signal))
  }

  /** Tries again while the store fails: a view that nobody promotes could not be read before the next start. */
  async #promoteOnceReady(view: ProjectionDefinition, runner: ProcessorRunner, signal: AbortSignal): Promise<void> {
    const { committed } = this.#options.viewStore
    while (!signal.aborted && this.#running.get(viewKey(view))?.runner === runner) {
      const seen = committed.count
      try {
        await this.#catchUp(view, runner, signal)
        await this.#promoteFirst(view)
        return
      } catch {
        // Stopped or dropped, which ends the loop, or a failure of the store, which its processor meets and tells of too.
        await committed.wait(seen, { signal, timeoutMs: promoteAgainMs })
      }
    }
  }

  async #promoteFirst(view: ProjectionDefinition): Promise<void> {
    const { viewStore, now } = this.#options
    for (;;) {
      const live = await this.#liveOf(view.viewName)
      if (live !== undefined && viewKey(live) === viewKey(view)) return
      try {
        await viewStore.promoteView(view, live === undefined ? undefined : viewKey(live), now())
        this.#live.delete(view.viewName)
        return
      } catch (error) {
        if (!hasErrorCode(error, 'view-promoted')) throw error
      }
    }
  }

  async #run(view: ProjectionDefinition): Promise<ProcessorRunner> {
    const key = viewKey(view)
    const known = this.#running.get(key)
    if (known !== undefined) {
      // It may have been stopped with the application.
      await known.runner.start()
      return known.runner
    }
    await this.#options.viewStore.openView(view)
    // Nothing may run that nobody would stop, and nothing twice.
    this.#stopping.signal.throwIfAborted()
    if (this.#running.has(key)) return this.#run(view)
    const runner = this.#options.createRunner(view)
    this.#running.set(key, { view, runner })
    try {
      await runner.start()
    } catch (error) {
      this.#running.delete(key)
      throw error
    }
    return runner
  }

  async #halt(key: string): Promise<void> {
    const running = this.#running.get(key)
    this.#running.delete(key)
    await running?.runner.stop()
  }

  async #buildsOf({ viewName, version }: ProjectionDefinition): Promise<readonly StoredView[]> {
    return (await this.#options.viewStore.listViews(viewName)).filter((stored) => stored.version === version)
  }

  async #liveOf(viewName: string): Promise<StoredView | undefined> {
    return (await this.#options.viewStore.listViews(viewName)).find(({ state }) => state === 'live')
  }

  async #buildOf(projection: ProjectionDefinition, key: string): Promise<ProjectionDefinition> {
    const stored = (await this.#buildsOf(projection)).find((view) => viewKey(view) === key)
    if (stored === undefined) throw await this.#unknownBuild(projection.viewName, key)
    return { ...projection, build: stored.build }
  }

  async #unknownBuild(viewName: string, key: string): Promise<UnknownNameError> {
    return new UnknownNameError(
      'unknown-view-build',
      key,
      (await this.#options.viewStore.listViews(viewName)).map(viewKey),
    )
  }

  #projectionOf(viewName: string): ProjectionDefinition {
    const projection = this.#projections.get(viewName)
    if (projection === undefined) throw new UnknownNameError('unknown-view', viewName, this.#projections.keys())
    return projection
  }

  #signalWith(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#stopping.signal : AbortSignal.any([signal, this.#stopping.signal])
  }
}

/** @returns the live build, or else the one that was live last; undefined when none ever was */
function newestReadable(builds: readonly StoredView[]): StoredView | undefined {
  const promoted = builds.filter(({ promotedAt }) => promotedAt !== undefined)
  promoted.sort((one, other) => ((one.promotedAt ?? '') < (other.promotedAt ?? '') ? -1 : 1))
  return builds.find(({ state }) => state === 'live') ?? promoted.at(-1)
}

function etaOf({ lagEvents, eventsPerSecond }: ProcessorStatus): number | undefined {
  if (lagEvents === 0) return 0
  return eventsPerSecond < 0.01 ? undefined : lagEvents / eventsPerSecond
}
