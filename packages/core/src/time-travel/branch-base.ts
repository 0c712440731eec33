/** What a branch sees of the store that it branches from. */

import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type {
  CommandRecord,
  EventBatch,
  EventPage,
  EventStore,
  LoadEventsOptions,
  ReadEventsOptions,
  SubscribeOptions,
} from '../event-store/event-store.ts'

/** Reads a store as if nothing had happened after a position. Copies nothing, and writes nothing. */
export class BranchBase {
  readonly #eventStore: EventStore
  readonly #position: number
  readonly #recordedUntil: number

  constructor(eventStore: EventStore, position: number, recordedUntil: string | undefined) {
    this.#eventStore = eventStore
    this.#position = position
    this.#recordedUntil = recordedUntil === undefined ? Number.POSITIVE_INFINITY : Date.parse(recordedUntil)
  }

  async loadEvents(aggregate: AggregateRef, options: LoadEventsOptions): Promise<readonly DomainEventEnvelope[]> {
    return this.#past(await this.#eventStore.loadEvents(aggregate, options))
  }

  /** Finds an aggregate's version in a number of reads that grows with the logarithm of its length. */
  async versionOf(aggregate: AggregateRef): Promise<number> {
    if (this.#position === 0) return 0
    const isPast = async (version: number): Promise<boolean> => {
      const events = await this.#eventStore.loadEvents(aggregate, { fromVersion: version, toVersion: version })
      return this.#past(events).length > 0
    }
    let version = 0
    let step = 1
    while (await isPast(version + step)) {
      version += step
      step *= 2
    }
    for (let beyond = version + step; beyond - version > 1; ) {
      const middle = Math.floor((version + beyond) / 2)
      if (await isPast(middle)) version = middle
      else beyond = middle
    }
    return version
  }

  /**
   * @returns a page of which `isEnd` says that nothing more is found up to the branch's position; with that position when it
   *   covers everything up to there
   */
  async readEvents(options: ReadEventsOptions, afterPosition: number): Promise<EventPage> {
    const page = await this.#eventStore.readEvents({ ...options, afterPosition })
    const events = this.#past(page.events)
    if (page.isEnd || events.length < page.events.length || page.position >= this.#position) {
      return { events, position: this.#position, isEnd: true }
    }
    const next = await this.#eventStore.readEvents({ ...options, afterPosition: page.position, limit: 1 })
    return { events, position: page.position, isEnd: this.#past(next.events).length === 0 }
  }

  /** @returns the batches up to the branch's position; ends there */
  async *subscribe(
    subjectPatterns: string | readonly string[],
    options: Required<SubscribeOptions>,
  ): AsyncGenerator<EventBatch> {
    if (options.afterPosition >= this.#position) return
    for await (const { events, position } of this.#eventStore.subscribe(subjectPatterns, options)) {
      const isLast = position >= this.#position
      yield isLast ? { events: this.#past(events), position: this.#position } : { events, position }
      if (isLast) return
    }
  }

  async findCommand(aggregate: AggregateRef, commandId: string): Promise<CommandRecord | undefined> {
    const record = await this.#eventStore.findCommand(aggregate, commandId)
    if (record === undefined || record.position > this.#position) return undefined
    // A rejection has the position of what it was decided on: only its time tells when it was recorded.
    const isLater = record.status === 'Rejected' && Date.parse(record.timestamp) > this.#recordedUntil
    return isLater ? undefined : record
  }

  #past(events: readonly DomainEventEnvelope[]): readonly DomainEventEnvelope[] {
    const last = events.at(-1)
    if (last === undefined || last.position <= this.#position) return events
    return events.filter(({ position }) => position <= this.#position)
  }
}
