/** Shows views as they were at any moment of the past. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { Signal } from '../event-store/signal.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { PastMoment, PastViews, ResolvedMoment } from '../read-side/past-views.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import type { ProjectionProcessorOptions } from '../read-side/projection-processor.ts'
import type { ReadableView } from '../read-side/read-model.ts'
import { viewKey } from '../read-side/view-store.ts'
import { KeptViews } from './kept-views.ts'
import { replayView } from './replay-view.ts'
import { resolveMoment } from './resolve-moment.ts'
import { SharedWork } from './shared-work.ts'

/** Bounds of {@link ViewsAt}. */
export interface ViewsAtOptions {
  /** How many views of the past stay in memory after a query; 16 when left out. */
  readonly mostKeptViews?: number
  /** How many characters of JSON they may have together; 64 million when left out. A larger one is not kept. */
  readonly mostKeptCharacters?: number
  /** How many are built at the same time; others wait. 2 when left out. */
  readonly mostReplays?: number
  /** The most events read and processed in one go; 1,000 when left out. */
  readonly batchSize?: number
}

const boundNames = ['mostKeptViews', 'mostKeptCharacters', 'mostReplays', 'batchSize'] as const

/**
 * Builds a view in memory from the events up to a moment, when it is read, by the projection as it is now. It begins with the
 * nearest kept view before the moment; those who ask for the same one at the same time wait for the same replay.
 */
export class ViewsAt implements PastViews {
  readonly #eventStore: EventStore
  readonly #now: () => number
  readonly #processor: ProjectionProcessorOptions
  readonly #bounds: Required<ViewsAtOptions>
  readonly #kept: KeptViews
  readonly #replays = new SharedWork<MemoryViewStore>()
  readonly #ended = new Signal()
  #running = 0

  /** @param now milliseconds since 1970 @param processor how the projections' handlers are run */
  constructor(
    eventStore: EventStore,
    now: () => number,
    processor: ProjectionProcessorOptions = {},
    bounds: ViewsAtOptions = {},
  ) {
    checkOptions('ViewsAt', bounds, boundNames)
    const whole = (name: keyof ViewsAtOptions, otherwise: number, least: number, most = Number.MAX_SAFE_INTEGER) =>
      checkWholeNumber('ViewsAt', name, bounds[name] ?? otherwise, { least, most })
    this.#eventStore = eventStore
    this.#now = now
    this.#processor = processor
    this.#bounds = {
      mostKeptViews: whole('mostKeptViews', 16, 0),
      mostKeptCharacters: whole('mostKeptCharacters', 64_000_000, 0),
      mostReplays: whole('mostReplays', 2, 1),
      batchSize: whole('batchSize', 1000, 1, 10_000),
    }
    this.#kept = new KeptViews(this.#bounds.mostKeptViews, this.#bounds.mostKeptCharacters)
  }

  /** @see {@link resolveMoment} */
  resolve(moment: PastMoment, pointer = ''): Promise<ResolvedMoment> {
    return resolveMoment(moment, { eventStore: this.#eventStore, now: this.#now, pointer })
  }

  /** @throws {HistoricalViewError} when an event cannot be processed @throws the signal's reason */
  async viewAt(projection: ProjectionDefinition, position: number, signal?: AbortSignal): Promise<ReadableView> {
    const key = viewKey(projection)
    const build = (abort: AbortSignal): Promise<MemoryViewStore> => this.#build(projection, position, abort)
    const viewStore = await this.#replays.run(`${key} ${position}`, build, signal)
    return { viewStore, view: projection }
  }

  /** Begins a view in a store where it is not yet, with the nearest kept one up to a position, if there is any. */
  prepare(viewStore: MemoryViewStore, projection: ProjectionDefinition, position: number): void {
    const start = this.#kept.nearest(viewKey(projection), position)
    if (start !== undefined) viewStore.copyView(projection, start.viewStore)
  }

  async #build(projection: ProjectionDefinition, position: number, signal: AbortSignal): Promise<MemoryViewStore> {
    const key = viewKey(projection)
    const known = this.#kept.nearest(key, position)
    if (known?.position === position) return known.viewStore
    await this.#takeTurn(signal)
    try {
      const viewStore = new MemoryViewStore()
      this.prepare(viewStore, projection, position)
      const { batchSize } = this.#bounds
      const [eventStore, processor] = [this.#eventStore, this.#processor]
      await replayView({ eventStore, viewStore, projection, position, batchSize, processor, signal })
      this.#kept.keep({ key, position, viewStore, characters: viewStore.sizeOf(projection) })
      return viewStore
    } finally {
      this.#running--
      this.#ended.notify()
    }
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    while (this.#running >= this.#bounds.mostReplays) {
      await this.#ended.wait(this.#ended.count, { signal })
      signal.throwIfAborted()
    }
    this.#running++
  }
}
