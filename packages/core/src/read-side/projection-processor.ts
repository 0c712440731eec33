/** Keeps a projection's view up to date: the event processor behind every projection. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { hasErrorCode } from '../errors/cim-error.ts'
import { type Clock, systemClock } from '../event-processing/clock.ts'
import { aggregateKey } from '../event-processing/dead-letter.ts'
import type { EventFailure, EventProcessor, ProcessResult } from '../event-processing/event-processor.ts'
import type { ProgressSave, ProgressStore } from '../event-processing/progress-store.ts'
import { runInLanes, withTimeout } from '../event-processing/run-in-lanes.ts'
import { decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { EventViews } from './event-views.ts'
import type { ProjectionDefinition } from './projection.ts'
import { ViewSession } from './view-session.ts'
import { type ViewStore, viewKey } from './view-store.ts'

/** Options of a {@link ProjectionProcessor}. */
export interface ProjectionProcessorOptions {
  /** How many asynchronous handlers run at once, of different aggregates each; 1 when left out. */
  readonly concurrency?: number
  /** How long an asynchronous handler may take; 30,000 ms when left out. */
  readonly handlerTimeoutMs?: number
  readonly clock?: Clock
  /**
   * Is told when the view is not there: somebody has dropped it, and will not see it come back. When it is left out, a view
   * that is not there is made.
   */
  readonly whenDropped?: () => void
}

/** A view store that has not answered for so long is asked again. */
const storeTimeoutMs = 60_000

/**
 * Applies events to a view. Documents and checkpoint are committed together, so no event counts twice.
 * @see the mission's heading "Event Processors"
 */
export class ProjectionProcessor<TView = unknown> implements EventProcessor {
  readonly #projection: ProjectionDefinition<TView>
  readonly #viewStore: ViewStore
  readonly #concurrency: number
  readonly #handlerTimeoutMs: number
  readonly #clock: Clock
  readonly #whenDropped: (() => void) | undefined
  #session: ViewSession<TView, DomainEventEnvelope>
  /** A save has failed because of a document: until one succeeds, each change is checked, to find the event that is to blame. */
  #isStrict = false

  constructor(projection: ProjectionDefinition<TView>, viewStore: ViewStore, options: ProjectionProcessorOptions = {}) {
    checkOptions('ProjectionProcessor', options, ['concurrency', 'handlerTimeoutMs', 'clock', 'whenDropped'])
    this.#projection = projection
    this.#viewStore = viewStore
    this.#concurrency = checkWholeNumber('ProjectionProcessor', 'concurrency', options.concurrency ?? 1, { least: 1 })
    this.#handlerTimeoutMs = checkWholeNumber(
      'ProjectionProcessor',
      'handlerTimeoutMs',
      options.handlerTimeoutMs ?? 30_000,
      { least: 1 },
    )
    this.#clock = options.clock ?? systemClock
    this.#whenDropped = options.whenDropped
    this.#session = new ViewSession(viewStore, projection)
  }

  get processorName(): string {
    return viewKey(this.#projection)
  }

  get subjectPatterns(): readonly string[] {
    return this.#projection.subjectPatterns
  }

  get progressStore(): ProgressStore {
    return this.#viewStore.progressStore
  }

  async getCheckpoint(): Promise<number> {
    this.#session = new ViewSession(this.#viewStore, this.#projection, { isStrict: this.#isStrict })
    try {
      await this.#viewStore.openView(this.#projection, { mustExist: this.#whenDropped !== undefined })
      return await this.#viewStore.getCheckpoint(this.#projection)
    } catch (error) {
      this.#tellIfDropped(error)
      throw error
    }
  }

  /**
   * Handlers change nothing but the session, so a batch in which an event fails is undone and done again without that event
   * and those that must not overtake it. When that is not enough, event by event: no handler is called more than
   * three times for an event, however many fail.
   */
  async process(events: readonly DomainEventEnvelope[]): Promise<ProcessResult> {
    const failures = new Map<string, EventFailure>()
    const isLive = (event: DomainEventEnvelope): boolean => {
      const failed = failures.get(aggregateKey(event))
      return failed === undefined || event.sequence < failed.event.sequence
    }
    const succeed = async (portion: readonly DomainEventEnvelope[]): Promise<boolean> => {
      const failure = await this.#tryOrUndo(portion)
      if (failure !== undefined) failures.set(aggregateKey(failure.event), failure)
      return failure === undefined
    }
    if (!(await succeed(events)) && !(await succeed(events.filter(isLive)))) {
      for (const event of events) if (isLive(event)) await succeed([event])
    }
    return { unsavedEffects: this.#session.touchedDocuments, failures: [...failures.values()] }
  }

  async saveCheckpoint(save: ProgressSave): Promise<void> {
    const session = this.#session
    try {
      await session.commit({ expectedCheckpoint: save.expectedPosition, position: save.position, progress: save })
      this.#isStrict = false
    } catch (error) {
      this.#tellIfDropped(error)
      this.#isStrict ||= !session.isStorable()
      throw error
    }
  }

  #tellIfDropped(error: unknown): void {
    if (hasErrorCode(error, 'unknown-view')) this.#whenDropped?.()
  }

  /** @returns the first event that failed; nothing of these events has an effect then */
  async #tryOrUndo(events: readonly DomainEventEnvelope[]): Promise<EventFailure | undefined> {
    const session = this.#session
    session.beginBatch()
    const failure = await this.#tryAll(session, events)
    session.assertStoreWorks()
    if (failure !== undefined) session.rollbackBatch()
    return failure
  }

  /** @returns the first event that failed: later ones may have failed only because of it */
  async #tryAll(
    session: ViewSession<TView, DomainEventEnvelope>,
    events: readonly DomainEventEnvelope[],
  ): Promise<EventFailure | undefined> {
    let first: EventFailure | undefined
    const fail = (event: DomainEventEnvelope, error: unknown): void => {
      // A handler fails because a change did that it looked at: that one's event is to blame.
      const { failure } = session
      const failed = failure === undefined ? { event, error } : { event: failure.cause, error: failure.error }
      if (first === undefined || failed.event.position < first.event.position) first = failed
    }
    await runInLanes(events, this.#concurrency, (event) => {
      if (first !== undefined) return undefined
      const views = new EventViews(session, this.#projection.viewName, event)
      try {
        const decoded = decodeEvent(event, this.#projection.upcasters.get(event.aggregateType))
        const handling = this.#projection.project(decoded, views)
        if (handling === undefined) {
          views.end()
          return undefined
        }
        return this.#finish(handling, event, views, fail)
      } catch (error) {
        views.end()
        fail(event, error)
        return undefined
      }
    })
    if (first !== undefined) return first
    const subject = (): string =>
      `${this.#projection.viewName}: reading the documents that ${events.length} events change`
    try {
      // Signs of life go on as long as a batch takes: they must end when the store never answers.
      await withTimeout(session.apply(), storeTimeoutMs, subject, this.#clock)
    } catch (error) {
      const { failure } = session
      if (failure === undefined) throw error
      return { event: failure.cause, error: failure.error }
    }
    return undefined
  }

  async #finish(
    handling: Promise<void>,
    event: DomainEventEnvelope,
    views: EventViews<TView>,
    fail: (event: DomainEventEnvelope, error: unknown) => void,
  ): Promise<void> {
    const subject = (): string => `${this.#projection.viewName}: the handler of ${event.eventType} at ${event.position}`
    try {
      await withTimeout(handling, this.#handlerTimeoutMs, subject, this.#clock)
    } catch (error) {
      fail(event, error)
    } finally {
      views.end()
    }
  }
}
