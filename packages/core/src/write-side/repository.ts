/** Loads and saves aggregates of one type. */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { InvalidEventError } from '../errors/event-errors.ts'
import { ValidationError } from '../errors/input-errors.ts'
import { neverThrowing } from '../errors/never-throwing.ts'
import type { NewEvent } from '../event-store/domain-event-envelope.ts'
import type { EventMetadata } from '../event-store/event-metadata.ts'
import type { AppendResult, CommandIdentity, EventStore } from '../event-store/event-store.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import type { SnapshotStore } from '../event-store/snapshot.ts'
import { currentSchemaVersion } from '../event-store/upcaster.ts'
import { parseWith } from '../schema/schema.ts'
import type { AggregateDefinition } from './aggregate.ts'
import { AggregateCache } from './aggregate-cache.ts'
import type { DecidedEvent } from './decision.ts'
import { emptyAggregate, foldEvents, type LoadedAggregate, loadAggregate } from './load-aggregate.ts'

/** What a {@link Repository} needs. */
export interface RepositoryOptions<TState = unknown> {
  readonly definition: AggregateDefinition<string, TState>
  readonly eventStore: EventStore
  readonly snapshotStore?: SnapshotStore
  /**
   * A snapshot is kept each time an aggregate's version passes a multiple of this, and after a load that had to fold as
   * many events; 100 when left out.
   */
  readonly snapshotEvery?: number
  /** How many folded aggregates stay in memory; 10,000 when left out. */
  readonly maxCachedAggregates?: number
  /** Is told when a snapshot could not be kept or read. The aggregate itself is not affected. */
  readonly onSnapshotError?: (error: unknown) => void
}

/** What {@link Repository.save} takes beside the events. */
export interface SaveOptions {
  readonly metadata?: EventMetadata
  readonly command?: CommandIdentity
}

/** An aggregate that was loaded. */
export interface RepositoryEntry<TState = unknown> extends LoadedAggregate<TState> {
  /** False when it came from memory without a look into the store, so another process may have changed it since. */
  readonly isVerified: boolean
}

/**
 * Loads aggregates from memory, from a snapshot and the events after it, or from all their events; saves new events.
 * @see the mission's heading "Command Handlers"
 */
export class Repository<TState = unknown> {
  readonly definition: AggregateDefinition<string, TState>
  readonly #eventStore: EventStore
  readonly #snapshotStore: SnapshotStore | undefined
  readonly #snapshotEvery: number
  readonly #cache: AggregateCache<TState>
  readonly #onSnapshotError: (error: unknown) => void

  constructor(options: RepositoryOptions<TState>) {
    checkOptions('Repository', options, [
      'definition',
      'eventStore',
      'snapshotStore',
      'snapshotEvery',
      'maxCachedAggregates',
      'onSnapshotError',
    ])
    this.definition = options.definition
    this.#eventStore = options.eventStore
    this.#snapshotStore = options.snapshotStore
    this.#snapshotEvery = checkWholeNumber('Repository', 'snapshotEvery', options.snapshotEvery ?? 100, { least: 1 })
    this.#cache = new AggregateCache(
      checkWholeNumber('Repository', 'maxCachedAggregates', options.maxCachedAggregates ?? 10_000, { least: 0 }),
    )
    this.#onSnapshotError = neverThrowing(options.onSnapshotError)
  }

  /**
   * @param aggregateId whose state
   * @param options `refresh` looks into the store even when the aggregate is in memory
   * @returns the folded aggregate; version 0 and the initial state when it does not exist
   * @throws {UndecodableEventError} when a stored event cannot be applied
   */
  async load(aggregateId: string, options?: { readonly refresh?: boolean }): Promise<RepositoryEntry<TState>> {
    const cached = this.#cache.get(aggregateId)
    if (cached !== undefined && options?.refresh !== true) return { ...cached, isVerified: false }
    const start = cached ?? (await this.#loadSnapshot(aggregateId)) ?? emptyAggregate(this.definition, aggregateId)
    const loaded = await loadAggregate(this.definition, this.#eventStore, start)
    if (loaded.version > 0) this.#cache.set(loaded)
    // For instance after a change of the definition: the next load shall not take as long.
    if (loaded.version - start.version >= this.#snapshotEvery) void this.#saveSnapshot(loaded)
    return { ...loaded, isVerified: true }
  }

  /**
   * Appends events that were decided on a loaded aggregate.
   * @param loaded the aggregate that the decision saw
   * @param events at least one
   * @param options circumstances for the events' metadata, and the command behind them
   * @throws {InvalidEventError} when an event does not fit its schema
   * @throws {ConcurrencyError} when the aggregate has moved on; it is then loaded anew by the next {@link load}
   */
  async save(
    loaded: LoadedAggregate<TState>,
    events: readonly DecidedEvent[],
    options?: SaveOptions,
  ): Promise<AppendResult> {
    const aggregate = { aggregateType: this.definition.aggregateType, aggregateId: loaded.aggregateId }
    const result = await this.#eventStore.appendEvents(aggregate, await this.#toNewEvents(events, options?.metadata), {
      expectedVersion: loaded.version,
      ...(options?.command === undefined ? undefined : { command: options.command }),
    })
    if (!result.isRepeat) this.#remember(loaded, result)
    return result
  }

  #remember(loaded: LoadedAggregate<TState>, result: AppendResult): void {
    let saved: LoadedAggregate<TState>
    try {
      saved = foldEvents(this.definition, loaded, result.events)
    } catch {
      // The events are stored: the acknowledgment stands. Whoever loads the aggregate next meets the error with its cause.
      this.#cache.delete(loaded.aggregateId)
      return
    }
    this.#cache.set(saved)
    if (Math.floor(saved.version / this.#snapshotEvery) > Math.floor(loaded.version / this.#snapshotEvery)) {
      void this.#saveSnapshot(saved)
    }
  }

  async #toNewEvents(events: readonly DecidedEvent[], metadata: EventMetadata | undefined): Promise<NewEvent[]> {
    const schemas = this.definition.events as Readonly<Record<string, StandardSchemaV1 | undefined>>
    const newEvents: NewEvent[] = []
    for (const { eventType, data } of events) {
      const schema = Object.hasOwn(schemas, eventType) ? schemas[eventType] : undefined
      if (schema === undefined)
        throw new InvalidEventError(eventType, `${this.definition.aggregateType} does not define it.`)
      await checkAgainstSchema(schema, eventType, data)
      newEvents.push({
        eventType,
        eventData: data,
        schemaVersion: currentSchemaVersion(this.definition.upcasters, eventType),
        ...(metadata === undefined ? undefined : { metadata }),
      })
    }
    return newEvents
  }

  async #loadSnapshot(aggregateId: string): Promise<LoadedAggregate<TState> | undefined> {
    if (this.#snapshotStore === undefined) return undefined
    const aggregate = { aggregateType: this.definition.aggregateType, aggregateId }
    try {
      const snapshot = await this.#snapshotStore.loadSnapshot(aggregate, this.definition.fingerprint)
      if (snapshot === undefined) return undefined
      const { state, version, position, timestamp } = snapshot
      return { aggregateId, state: deepFreeze(state as TState), version, position, timestamp }
    } catch (error) {
      this.#onSnapshotError(error)
      return undefined
    }
  }

  /** Is not waited for, and never fails: a snapshot only ever saves time. */
  async #saveSnapshot(loaded: LoadedAggregate<TState>): Promise<void> {
    const { aggregateId, state, version, position, timestamp } = loaded
    const { aggregateType } = this.definition
    try {
      const { fingerprint } = this.definition
      const snapshot = { state, version, position, timestamp, fingerprint }
      await this.#snapshotStore?.saveSnapshot({ aggregateType, aggregateId }, snapshot)
    } catch (error) {
      this.#onSnapshotError(error)
    }
  }
}

async function checkAgainstSchema(schema: StandardSchemaV1, eventType: string, data: unknown): Promise<void> {
  try {
    const parsed = parseWith(schema, data, `event ${eventType}`)
    if (parsed instanceof Promise) await parsed
  } catch (cause) {
    if (cause instanceof ValidationError) throw new InvalidEventError(eventType, cause.message, { cause })
    throw cause
  }
}
