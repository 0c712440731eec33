/** A projection that is replayed into a view store of its own. */

import { systemClock } from '../event-processing/clock.ts'
import { aggregateKey } from '../event-processing/dead-letter.ts'
import { withTimeout } from '../event-processing/run-in-lanes.ts'
import { decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { type SubjectMatcher, subjectMatcher } from '../event-store/subject-pattern.ts'
import { EventViews } from '../read-side/event-views.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { ChangeFailure, ViewSession } from '../read-side/view-session.ts'
import type { ViewStore } from '../read-side/view-store.ts'

/** Is told of each event that failed. */
export type OnProjectionFailure = (event: DomainEventEnvelope, error: unknown) => void

/** After so many failed aggregates, the projection is given up: it is wrong as a whole. */
const mostFailedAggregates = 1000
const handlerTimeoutMs = 30_000
const documentsPerCommit = 5000

/** Applies events in order. An event that fails is left out, and all later ones of its aggregate, as when it is parked. */
export class ScratchView {
  readonly projection: ProjectionDefinition
  readonly #onFailure: OnProjectionFailure
  readonly #session: ViewSession<unknown, DomainEventEnvelope>
  readonly #matches: SubjectMatcher
  readonly #failed = new Set<string>()
  #checkpoint = 0

  constructor(projection: ProjectionDefinition, viewStore: ViewStore, onFailure: OnProjectionFailure) {
    this.projection = projection
    this.#onFailure = onFailure
    this.#session = new ViewSession(viewStore, projection)
    this.#matches = subjectMatcher(projection.subjectPatterns)
  }

  /** True when too much failed for its documents to mean anything. */
  get isGivenUp(): boolean {
    return this.#failed.size >= mostFailedAggregates
  }

  /** @param events in the order of positions @param position everything up to here is in them or came before */
  async process(events: readonly DomainEventEnvelope[], position: number): Promise<void> {
    let handled = events.filter(
      (event) => this.#matches(event.aggregateType, event.eventType) && !this.#failed.has(aggregateKey(event)),
    )
    while (!this.isGivenUp) {
      this.#session.beginBatch()
      const failure = await this.#tryAll(handled)
      this.#session.assertStoreWorks()
      if (failure === undefined) break
      this.#session.rollbackBatch()
      const { event: failed, error } = failure
      this.#onFailure(failed, error)
      this.#failed.add(aggregateKey(failed))
      handled = handled.filter(
        (event) => aggregateKey(event) !== aggregateKey(failed) || event.sequence < failed.sequence,
      )
    }
    if (this.#session.touchedDocuments >= documentsPerCommit) await this.finish(position)
  }

  /** Puts everything up to a position into the view store. */
  async finish(position: number): Promise<void> {
    if (this.isGivenUp) return
    await this.#session.commit({ expectedCheckpoint: this.#checkpoint, position })
    this.#checkpoint = position
  }

  /** @returns the first failure; a handler sees the changes of those before it, so they are made event by event */
  async #tryAll(
    events: readonly DomainEventEnvelope[],
  ): Promise<{ readonly event: DomainEventEnvelope; readonly error: unknown } | undefined> {
    for (const event of events) {
      const views = new EventViews(this.#session, this.projection.viewName, event)
      try {
        const decoded = decodeEvent(event, this.projection.upcasters.get(event.aggregateType))
        const handling = this.projection.project(decoded, views)
        const subject = (): string => `${this.projection.viewName}: the handler of ${event.eventType}`
        if (handling !== undefined) await withTimeout(handling, handlerTimeoutMs, subject, systemClock)
      } catch (error) {
        return toFailure(event, error)
      } finally {
        views.end()
      }
    }
    try {
      await this.#session.apply()
    } catch (error) {
      if (!(error instanceof ChangeFailure)) throw error
      return toFailure(undefined, error)
    }
    return undefined
  }
}

function toFailure(
  event: DomainEventEnvelope | undefined,
  error: unknown,
): { event: DomainEventEnvelope; error: unknown } {
  if (error instanceof ChangeFailure) return { event: error.cause as DomainEventEnvelope, error: error.error }
  return { event: event as DomainEventEnvelope, error }
}
