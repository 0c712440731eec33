/** Promotes the first build of a view by itself: nobody can read the view before. */

import { hasErrorCode } from '../errors/cim-error.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { type ViewStore, viewKey } from '../read-side/view-store.ts'
import type { BuildRunners } from './build-runners.ts'
import { newestReadable } from './live-builds.ts'

/** What {@link FirstPromotion} needs. */
export interface FirstPromotionOptions {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  readonly running: BuildRunners
  readonly view: ProjectionDefinition
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Is told when it is done. */
  readonly promoted: () => void
}

/** Before a promotion that failed is tried again. */
const againMs = 1000

/** Of one build, as long as no build of its version was ever promoted: an operator may promote another one first. */
export class FirstPromotion {
  readonly #options: FirstPromotionOptions

  constructor(options: FirstPromotionOptions) {
    this.#options = options
  }

  /** Promotes it when there is nothing to catch up with: it is ready before anybody asks. */
  async promoteIfReady(): Promise<void> {
    const { eventStore, viewStore, view } = this.#options
    const head = await eventStore.headPosition()
    if ((await viewStore.getCheckpoint(view)) >= head) await this.#promote(head)
  }

  /** Tries again while the store fails: a view that nobody promotes could not be read before the next start. */
  async promoteOnceReady(): Promise<void> {
    const { viewStore, running, view } = this.#options
    const { committed } = viewStore
    const { stopping } = running
    while (!stopping.aborted) {
      const seen = committed.count
      try {
        if (!(await this.#look()).isWanted) return
        await running.during(view, async (build) => this.#promote(await running.catchUp(build, undefined)))
        return
      } catch {
        // Stopped or dropped, which ends the loop, or a failure of the store, which its processor meets and tells of too.
        await committed.wait(seen, { signal: stopping, timeoutMs: againMs })
      }
    }
  }

  /** @param position up to which the build has seen everything */
  async #promote(position: number): Promise<void> {
    const { viewStore, view, now, promoted } = this.#options
    for (;;) {
      const { isWanted, liveKey } = await this.#look()
      if (!isWanted) return
      try {
        await viewStore.promoteView(view, liveKey, now(), position)
        promoted()
        return
      } catch (error) {
        if (!hasErrorCode(error, 'view-promoted')) throw error
      }
    }
  }

  /**
   * @returns whether the build is still there while nothing of its version can be read, and what is live of other versions:
   * both of one moment, so that a promotion that comes after it is noticed
   */
  async #look(): Promise<{ readonly isWanted: boolean; readonly liveKey: string | undefined }> {
    const { viewStore, view } = this.#options
    const all = await viewStore.listViews(view.viewName)
    const builds = all.filter(({ version }) => version === view.version)
    const live = all.find(({ state }) => state === 'live')
    return {
      isWanted: newestReadable(builds) === undefined && builds.some((build) => viewKey(build) === viewKey(view)),
      liveKey: live === undefined ? undefined : viewKey(live),
    }
  }
}
