/** Keeps a projection's view up to date: the event processor behind every projection. */

import type { EventProcessor } from '../event-processing/event-processor.ts'
import { decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { ProjectionDefinition } from './projection.ts'
import type { ViewStore } from './view-store.ts'
import { ViewSession } from './views.ts'

/**
 * Applies events to a view. Documents and checkpoint are committed together, so no event counts twice.
 * @see the mission's heading "Event Processors"
 */
export class ProjectionProcessor<TView = unknown> implements EventProcessor {
  readonly #projection: ProjectionDefinition<TView>
  readonly #viewStore: ViewStore
  #session: ViewSession<TView>
  #checkpoint = 0

  constructor(projection: ProjectionDefinition<TView>, viewStore: ViewStore) {
    this.#projection = projection
    this.#viewStore = viewStore
    this.#session = new ViewSession(viewStore, projection)
  }

  get processorName(): string {
    return this.#projection.viewName
  }

  get subjectPatterns(): readonly string[] {
    return this.#projection.subjectPatterns
  }

  async getCheckpoint(): Promise<number> {
    this.#session = new ViewSession(this.#viewStore, this.#projection)
    await this.#viewStore.openView(this.#projection)
    this.#checkpoint = await this.#viewStore.getCheckpoint(this.#projection)
    return this.#checkpoint
  }

  async process(events: readonly DomainEventEnvelope[]): Promise<number> {
    for (const envelope of events) {
      const event = decodeEvent(envelope, this.#projection.upcasters.get(envelope.aggregateType))
      const handling = this.#projection.project(event, this.#session)
      if (handling !== undefined) await handling
    }
    await this.#session.apply()
    return this.#session.touchedDocuments
  }

  async saveCheckpoint(position: number): Promise<void> {
    await this.#session.commit(this.#checkpoint, position)
    this.#checkpoint = position
  }
}
