/** Which build of each view queries read. */

import { hasErrorCode } from '../errors/cim-error.ts'
import { ViewNotReadyError } from '../errors/processing-errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import type { LiveView } from '../read-side/query-handler.ts'
import type { StoredView, ViewDefinition, ViewStore } from '../read-side/view-store.ts'

/** What {@link LiveBuilds} needs. */
export interface LiveBuildsOptions {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  /** Is told which build is read and what the others of its version are, each time that this was looked up. */
  readonly found: (view: ProjectionDefinition, builds: readonly StoredView[]) => Promise<void>
}

interface Known {
  readonly view: ViewDefinition
  /** By the clock of `performance`. */
  readonly until: number
}

/** Another process may promote a build: its decision is noticed after so many milliseconds. */
const knownForMs = 1000
/** A first build may be promoted by another process, which does not wake this one. */
const pollMs = 50

/** Remembers for a moment what it has looked up, so that not every query asks the store. */
export class LiveBuilds {
  readonly #options: LiveBuildsOptions
  readonly #known = new Map<string, Known>()
  /** How often something was to be forgotten: what was being looked up then may be outdated. */
  #changes = 0

  constructor(options: LiveBuildsOptions) {
    this.#options = options
  }

  /** Something was promoted: looks again. */
  forget(): void {
    this.#changes++
    this.#known.clear()
  }

  /** @see {@link LiveView} */
  async liveView(projection: ProjectionDefinition, wait: Parameters<LiveView>[1]): Promise<ViewDefinition> {
    const { viewStore, eventStore } = this.#options
    const deadline = performance.now() + wait.waitMs
    if (wait.isOutdated === true) this.forget()
    for (;;) {
      const known = this.#known.get(projection.viewName)
      if (known !== undefined && performance.now() < known.until) return known.view
      const [changes, seen] = [this.#changes, viewStore.committed.count]
      const builds = await buildsOf(viewStore, projection)
      if (changes !== this.#changes) continue
      const readable = newestReadable(builds)
      if (readable !== undefined) {
        const view = { ...projection, build: readable.build }
        if (await this.#take(view, builds)) return view
        continue
      }
      wait.signal?.throwIfAborted()
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) {
        const position = builds.at(-1)?.checkpoint ?? 0
        throw new ViewNotReadyError(projection.viewName, position, await eventStore.headPosition())
      }
      await viewStore.committed.wait(seen, { signal: wait.signal, timeoutMs: Math.min(leftMs, pollMs) })
    }
  }

  /** @returns false when it has been dropped since it was looked up */
  async #take(view: ProjectionDefinition, builds: readonly StoredView[]): Promise<boolean> {
    this.#known.set(view.viewName, { view, until: performance.now() + knownForMs })
    try {
      // A build that another process has made is not known to the store's connection yet, and nobody may be left to run it.
      await this.#options.viewStore.openView(view, { mustExist: true })
      await this.#options.found(view, builds)
      return true
    } catch (error) {
      this.forget()
      if (hasErrorCode(error, 'unknown-view')) return false
      throw error
    }
  }
}

/** @returns the builds that a store has of a view in one version */
export async function buildsOf(
  viewStore: ViewStore,
  { viewName, version }: Pick<ViewDefinition, 'viewName' | 'version'>,
): Promise<readonly StoredView[]> {
  return (await viewStore.listViews(viewName)).filter((stored) => stored.version === version)
}

/** @returns the live build, or else the one that was live last; undefined when none ever was */
export function newestReadable(builds: readonly StoredView[]): StoredView | undefined {
  let newest: StoredView | undefined
  for (const build of builds) if ((build.promotion ?? 0) > (newest?.promotion ?? 0)) newest = build
  return newest
}
