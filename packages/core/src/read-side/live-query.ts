/** One query whose result is followed. */

import { canonicalJson } from '../event-store/fingerprint.ts'
import { Signal } from '../event-store/signal.ts'
import type { ReadableView } from './read-model.ts'
import { ReadRecord } from './read-record.ts'
import type { CommittedChanges, StoredView, ViewStore } from './view-store.ts'

/** A result, and how fresh it is. */
export interface LiveResult<TResult = unknown> {
  /** Undefined when what was asked for does not exist. */
  readonly result: TResult | undefined
  /** The views behind it had seen every event up to here: the query's `afterPosition` to go on from it. */
  readonly position: number
}

/** What a {@link LiveQuery} needs. */
export interface LiveQueryOptions {
  readonly viewStore: Pick<ViewStore, 'getCheckpoint'>
  /** Answers the query. `isFirst` is true until it has once been answered. */
  readonly answer: (
    observe: (readable: ReadableView) => Promise<ReadableView>,
    isFirst: boolean,
    signal: AbortSignal,
  ) => Promise<unknown>
  /** Evaluations begin so many milliseconds apart at least. */
  readonly intervalMs: number
  /** Is told once, when it has ended for whatever reason. */
  readonly onEnd: () => void
}

/**
 * Is evaluated when somebody asks for the next result and something that was read has changed since the last one. So a
 * slow consumer gets the newest result and no queue of old ones, and at most one evaluation runs at a time.
 */
export class LiveQuery implements AsyncIterableIterator<LiveResult> {
  readonly #options: LiveQueryOptions
  readonly #ended = new AbortController()
  readonly #changed = new Signal()
  #reads: ReadRecord
  #isChanged = true
  #last: string | undefined
  #evaluatedAt = Number.NEGATIVE_INFINITY
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: LiveQueryOptions) {
    this.#options = options
    this.#reads = new ReadRecord(options.viewStore)
  }

  /** The views that the last evaluation has read. */
  get viewNames(): readonly string[] {
    return this.#reads.viewNames
  }

  /** @param committed what a commit in this process has changed */
  notice(committed: CommittedChanges): void {
    let isTouched = true
    try {
      isTouched = this.#reads.isTouchedBy(committed)
    } catch {
      // An index function that fails on a document of old must not make a commit fail that is already done.
    }
    if (isTouched) this.expire()
  }

  /** @param builds of one of its views, as they are now */
  compare(builds: readonly StoredView[]): void {
    if (this.#reads.isOutdated(builds)) this.expire()
  }

  /** The result may be another one now. */
  expire(): void {
    if (this.#isChanged) return
    this.#isChanged = true
    this.#changed.notify()
  }

  next(): Promise<IteratorResult<LiveResult, undefined>> {
    const next = this.#turn.then(() => this.#next())
    this.#turn = next.catch(() => undefined)
    return next
  }

  async return(): Promise<IteratorResult<LiveResult, undefined>> {
    this.end()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends it, also for who is waiting for a result. */
  end(): void {
    if (this.#ended.signal.aborted) return
    this.#ended.abort()
    this.#options.onEnd()
  }

  async #next(): Promise<IteratorResult<LiveResult, undefined>> {
    const { signal } = this.#ended
    while (!signal.aborted) {
      const seen = this.#changed.count
      if (!this.#isChanged) await this.#changed.wait(seen, { signal })
      else if (await this.#pause(signal)) {
        const found = await this.#evaluate(signal)
        if (found !== undefined && !signal.aborted) return { done: false, value: found }
      }
    }
    return { done: true, value: undefined }
  }

  /** Lets changes gather. @returns whether it is time now */
  async #pause(signal: AbortSignal): Promise<boolean> {
    const leftMs = this.#evaluatedAt + this.#options.intervalMs - performance.now()
    if (leftMs <= 0) return true
    // A signal of its own: only the time, or the end, shall wake it.
    await new Signal().wait(0, { signal, timeoutMs: Math.ceil(leftMs) })
    return false
  }

  /** @returns the result, nothing when it is the same as before */
  async #evaluate(signal: AbortSignal): Promise<LiveResult | undefined> {
    const { viewStore, answer } = this.#options
    // From here on commits are compared with what is being read: what is committed before is read, the rest is noticed.
    this.#isChanged = false
    this.#evaluatedAt = performance.now()
    const reads = new ReadRecord(viewStore)
    this.#reads = reads
    try {
      const result = await answer((readable) => reads.observe(readable), this.#last === undefined, signal)
      const text = canonicalJson(result)
      if (text === this.#last) return undefined
      this.#last = text
      return { result, position: reads.position }
    } catch (error) {
      if (signal.aborted) return undefined
      this.end()
      throw error
    }
  }
}
