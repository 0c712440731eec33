/** All queries of an application whose results are followed. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { InvalidOptionError } from '../errors/input-errors.ts'
import { LiveQuery, type LiveResult } from './live-query.ts'
import type { Query } from './query.ts'
import type { QueryHandler } from './query-handler.ts'
import { type InlineViewSource, type ViewDefinition, type ViewStore, viewKey } from './view-store.ts'

/** What {@link LiveQueries} need. */
export interface LiveQueriesOptions {
  readonly viewStore: ViewStore
  /** Views that the event store keeps: each append counts as a change of them. */
  readonly inlineViews?: InlineViewSource
  readonly queryHandler: Pick<QueryHandler, 'handle'>
  /** Evaluations of one query begin so many milliseconds apart at least; 50 when left out. */
  readonly intervalMs?: number
  /** How often commits of other processes are looked for, in milliseconds; 1,000 when left out. */
  readonly pollMs?: number
}

/** Wakes those queries whose views have changed. Does nothing while there are none. */
export class LiveQueries {
  readonly #viewStore: ViewStore
  readonly #inlineViews: InlineViewSource | undefined
  readonly #queryHandler: Pick<QueryHandler, 'handle'>
  readonly #intervalMs: number
  readonly #pollMs: number
  readonly #open = new Set<LiveQuery>()
  #stopListening: (() => void) | undefined

  constructor(options: LiveQueriesOptions) {
    checkOptions('LiveQueries', options, ['viewStore', 'inlineViews', 'queryHandler', 'intervalMs', 'pollMs'])
    this.#viewStore = options.viewStore
    this.#inlineViews = options.inlineViews
    this.#queryHandler = options.queryHandler
    this.#intervalMs = checkWholeNumber('LiveQueries', 'intervalMs', options.intervalMs ?? 50, { least: 0 })
    this.#pollMs = checkWholeNumber('LiveQueries', 'pollMs', options.pollMs ?? 1000, { least: 1 })
  }

  /** How many are followed now. */
  get size(): number {
    return this.#open.size
  }

  /**
   * @param query as {@link QueryHandler.handle} takes it; `afterPosition` and `waitMs` are about the first result
   * @param options a signal that ends it
   * @returns the result now, and each time that it has become another one. The iterator throws what answering throws.
   * @throws {InvalidOptionError} when the query is about the past, which does not change
   */
  watch(query: Query, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<LiveResult> {
    checkOptions('watch', options, ['signal'])
    if (query.asOf !== undefined) {
      throw new InvalidOptionError(`query ${query.queryType}`, 'asOf', 'cannot be watched: the past does not change.')
    }
    return { [Symbol.asyncIterator]: () => this.#start(query, options.signal) }
  }

  /** Ends them all. */
  close(): void {
    for (const live of this.#open) live.end()
  }

  #start(query: Query, signal: AbortSignal | undefined): LiveQuery {
    const { afterPosition: _, waitMs: __, ...later } = query
    const end = (): void => live.end()
    const live = new LiveQuery({
      viewStore: { getCheckpoint: (view) => (this.#inlineStoreOf(view) ?? this.#viewStore).getCheckpoint(view) },
      intervalMs: this.#intervalMs,
      answer: (observe, isFirst, ended) =>
        this.#queryHandler.handle(isFirst ? query : later, { signal: ended, observe }),
      onEnd: () => {
        signal?.removeEventListener('abort', end)
        this.#open.delete(live)
        if (this.#open.size === 0) this.#stopListening?.()
      },
    })
    this.#open.add(live)
    if (this.#open.size === 1) this.#listen()
    if (signal?.aborted === true) live.end()
    else signal?.addEventListener('abort', end, { once: true })
    return live
  }

  #listen(): void {
    const stopped = new AbortController()
    const heard = { commits: 0 }
    const stopHearing = this.#viewStore.changes?.listen((committed) => {
      heard.commits++
      for (const live of this.#open) live.notice(committed)
    })
    this.#stopListening = () => {
      stopHearing?.()
      stopped.abort()
    }
    void this.#lookForMore(heard, stopped.signal)
    void this.#followInline(stopped.signal)
  }

  #inlineStoreOf(view: ViewDefinition): InlineViewSource['viewStore'] | undefined {
    const inline = this.#inlineViews
    return inline?.projections.some((one) => viewKey(one) === viewKey(view)) === true ? inline.viewStore : undefined
  }

  /** An append may change any in-line view. */
  async #followInline(signal: AbortSignal): Promise<void> {
    const inline = this.#inlineViews
    if (inline === undefined) return
    const names = new Set(inline.projections.map(({ viewName }) => viewName))
    while (!signal.aborted) {
      await inline.viewStore.committed.wait(inline.viewStore.committed.count, { signal })
      if (signal.aborted) return
      for (const live of this.#open) if (live.viewNames.some((viewName) => names.has(viewName))) live.expire()
    }
  }

  /** Looks after changes that are not told: of other processes, of builds that are promoted, of stores that tell none. */
  async #lookForMore(heard: { readonly commits: number }, signal: AbortSignal): Promise<void> {
    const { committed } = this.#viewStore
    const start = committed.count
    let unheard = 0
    let lookedAt = performance.now()
    while (!signal.aborted) {
      const seen = committed.count
      const leftMs = lookedAt + this.#pollMs - performance.now()
      if (seen - start - heard.commits === unheard && leftMs > 0) {
        await committed.wait(seen, { signal, timeoutMs: Math.ceil(leftMs) })
        continue
      }
      unheard = seen - start - heard.commits
      lookedAt = performance.now()
      await this.#look()
    }
  }

  async #look(): Promise<void> {
    const viewNames = new Set([...this.#open].flatMap(({ viewNames }) => viewNames))
    for (const { viewName } of this.#inlineViews?.projections ?? []) viewNames.delete(viewName)
    for (const viewName of viewNames) {
      try {
        const builds = await this.#viewStore.listViews(viewName)
        for (const live of this.#open) if (live.viewNames.includes(viewName)) live.compare(builds)
      } catch {
        // Evaluating will tell what is wrong with the store.
        for (const live of this.#open) live.expire()
      }
    }
  }
}
