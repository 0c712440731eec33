/** Keeps a projection's view up to date: the event processor behind every projection. */

import type { EventProcessor } from '../event-processing/event-processor.ts'
import { decodeEvent } from '../event-store/domain-event.ts'
import type { EventBatch } from '../event-store/event-store.ts'
import type { ProjectionDefinition } from './projection.ts'
import type { ViewStore } from './view-store.ts'
import { ViewSession } from './views.ts'

/**
 * Applies batches of events to a view. Documents and checkpoint are committed together, so no event counts twice.
 * @see the mission's heading "Event Processors"
 */
export class ProjectionProcessor<TView = unknown> implements EventProcessor {
  readonly #projection: ProjectionDefinition<TView>
  readonly #viewStore: ViewStore
  #checkpoint = 0

  constructor(projection: ProjectionDefinition<TView>, viewStore: ViewStore) {
    this.#projection = projection
    this.#viewStore = viewStore
  }

  get processorName(): string {
    return this.#projection.viewName
  }

  get subjectPatterns(): readonly string[] {
    return this.#projection.subjectPatterns
  }

  async getCheckpoint(): Promise<number> {
    await this.#viewStore.openView(this.#projection)
    this.#checkpoint = await this.#viewStore.getCheckpoint(this.#projection)
    return this.#checkpoint
  }

  async process(batch: EventBatch): Promise<void> {
    const session = new ViewSession<TView>(this.#viewStore, this.#projection)
    for (const envelope of batch.events) {
      const event = decodeEvent(envelope, this.#projection.upcasters.get(envelope.aggregateType))
      const handling = this.#projection.project(event, session)
      if (handling !== undefined) await handling
    }
    await this.#viewStore.commit(this.#projection, {
      expectedCheckpoint: this.#checkpoint,
      position: batch.position,
      changes: await session.changes(),
    })
    this.#checkpoint = batch.position
  }
}
