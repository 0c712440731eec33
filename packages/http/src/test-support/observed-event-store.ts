/** The event store of these tests. */

import {
  type AggregateRef,
  type AppendOptions,
  type AppendResult,
  type DomainEventEnvelope,
  type EventBatch,
  type LoadEventsOptions,
  MemoryEventStore,
  type NewEvent,
  type SubscribeOptions,
} from '@cim/core'

/** A store in which a test can come in between. */
export class ObservedEventStore extends MemoryEventStore {
  /** Runs before each append. */
  beforeAppend: ((aggregate: AggregateRef) => void | Promise<void>) | undefined
  /** How many batches all subscriptions have read. */
  batchesRead = 0
  /** What a store does that cuts its answers short, as for large events. */
  mostEventsPerLoad: number | undefined

  override async appendEvents(
    aggregate: AggregateRef,
    events: readonly NewEvent[],
    options: AppendOptions,
  ): Promise<AppendResult> {
    await this.beforeAppend?.(aggregate)
    return this.appendDirectly(aggregate, events, options)
  }

  /** What another writer does. */
  appendDirectly(
    aggregate: AggregateRef,
    events: readonly NewEvent[],
    options: AppendOptions = { expectedVersion: 'any' },
  ): Promise<AppendResult> {
    return super.appendEvents(aggregate, events, options)
  }

  override loadEvents(aggregate: AggregateRef, options?: LoadEventsOptions): Promise<readonly DomainEventEnvelope[]> {
    const limit = options?.limit
    if (limit === undefined || this.mostEventsPerLoad === undefined) return super.loadEvents(aggregate, options)
    return super.loadEvents(aggregate, { ...options, limit: Math.min(limit, this.mostEventsPerLoad) })
  }

  override async *subscribe(
    patterns: string | readonly string[],
    options?: SubscribeOptions,
  ): AsyncGenerator<EventBatch> {
    for await (const batch of super.subscribe(patterns, options)) {
      this.batchesRead++
      yield batch
    }
  }
}
