/** Puts deliveries from outside into the order of their aggregates: a broker may repeat, reorder and lose them. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { type Clock, systemClock } from './clock.ts'
import { aggregateKey } from './dead-letter.ts'

/** What {@link inSequence} needs. */
export interface InSequenceOptions {
  /** Where a gap is filled from. */
  readonly eventStore: Pick<EventStore, 'loadEvents'>
  /** @returns the sequence of an aggregate's last event that has been processed, 0 for none */
  readonly lastSequence: (aggregate: AggregateRef) => Promise<number>
  /** How long to wait for a missing event before it is looked for in the store; 1,000 ms when left out. */
  readonly gapMs?: number
  /** How many events may wait for missing ones before no more are taken from the source; 10,000 when left out. */
  readonly mostWaiting?: number
  /** Of how many aggregates the last sequence is remembered; 100,000 when left out. */
  readonly mostRemembered?: number
  readonly clock?: Clock
}

interface Waiting {
  readonly aggregate: AggregateRef
  readonly events: Map<number, DomainEventEnvelope>
  /** Milliseconds since 1970. */
  lookAt: number
}

/** A pending `next` of the source, which outlives several looks at the clock. */
type Coming = Promise<IteratorResult<DomainEventEnvelope>>

/**
 * @param source deliveries, in any order, as often as they like
 * @returns each aggregate's events from its last sequence on, each once and without a gap; different aggregates as they come
 */
export function inSequence(
  source: AsyncIterable<DomainEventEnvelope>,
  options: InSequenceOptions,
): AsyncGenerator<DomainEventEnvelope> {
  const names = ['eventStore', 'lastSequence', 'gapMs', 'mostWaiting', 'mostRemembered', 'clock']
  checkOptions('inSequence', options, names)
  return new InSequence(options).follow(source)
}

class InSequence {
  readonly #eventStore: Pick<EventStore, 'loadEvents'>
  readonly #lastSequence: (aggregate: AggregateRef) => Promise<number>
  readonly #gapMs: number
  readonly #mostWaiting: number
  readonly #mostRemembered: number
  readonly #clock: Clock
  /** The sequence that comes next, by aggregate; the one that was used last stands last. */
  readonly #next = new Map<string, number>()
  readonly #waiting = new Map<string, Waiting>()
  #waitingEvents = 0

  constructor({ eventStore, lastSequence, gapMs, mostWaiting, mostRemembered, clock }: InSequenceOptions) {
    this.#eventStore = eventStore
    this.#lastSequence = lastSequence
    this.#gapMs = checkWholeNumber('inSequence', 'gapMs', gapMs ?? 1000, { least: 0 })
    this.#mostWaiting = checkWholeNumber('inSequence', 'mostWaiting', mostWaiting ?? 10_000, { least: 1 })
    this.#mostRemembered = checkWholeNumber('inSequence', 'mostRemembered', mostRemembered ?? 100_000, { least: 1 })
    this.#clock = clock ?? systemClock
  }

  async *follow(source: AsyncIterable<DomainEventEnvelope>): AsyncGenerator<DomainEventEnvelope> {
    const iterator = source[Symbol.asyncIterator]()
    let coming: Coming | undefined
    let isOver = false
    try {
      while (!isOver || this.#waiting.size > 0) {
        if (!isOver && this.#waitingEvents < this.#mostWaiting) coming ??= iterator.next()
        const arrived = await this.#arrival(coming)
        if (arrived === undefined) {
          for (const waiting of this.#dueGaps()) yield* this.#fill(waiting)
          continue
        }
        coming = undefined
        if (arrived.done === true) isOver = true
        else yield* this.#take(arrived.value)
      }
    } finally {
      await iterator.return?.()
    }
  }

  /** @returns undefined when a gap is to be looked at first */
  async #arrival(coming: Coming | undefined): Promise<IteratorResult<DomainEventEnvelope> | undefined> {
    let lookAt = Number.POSITIVE_INFINITY
    for (const waiting of this.#waiting.values()) lookAt = Math.min(lookAt, waiting.lookAt)
    if (coming !== undefined && lookAt === Number.POSITIVE_INFINITY) return await coming
    const look = Promise.withResolvers<undefined>()
    const cancel = this.#clock.schedule(() => look.resolve(undefined), Math.max(0, lookAt - this.#clock.now()))
    try {
      return await (coming === undefined ? look.promise : Promise.race([coming, look.promise]))
    } finally {
      cancel()
    }
  }

  async *#take(event: DomainEventEnvelope): AsyncGenerator<DomainEventEnvelope> {
    const key = aggregateKey(event)
    const next = await this.#nextOf(key, event)
    if (event.sequence < next) return
    if (event.sequence === next) {
      this.#remember(key, next + 1)
      yield event
      yield* this.#release(key)
      return
    }
    const waiting = this.#waiting.get(key) ?? {
      aggregate: { aggregateType: event.aggregateType, aggregateId: event.aggregateId },
      events: new Map(),
      lookAt: this.#clock.now() + this.#gapMs,
    }
    this.#waiting.set(key, waiting)
    if (!waiting.events.has(event.sequence)) this.#waitingEvents++
    waiting.events.set(event.sequence, event)
  }

  /** Those that waited for the event before them. */
  *#release(key: string): Generator<DomainEventEnvelope> {
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) return
    for (;;) {
      const next = this.#next.get(key) ?? 0
      const event = waiting.events.get(next)
      if (event === undefined) break
      waiting.events.delete(next)
      this.#waitingEvents--
      this.#remember(key, next + 1)
      yield event
    }
    if (waiting.events.size === 0) this.#waiting.delete(key)
    else waiting.lookAt = this.#clock.now() + this.#gapMs
  }

  #dueGaps(): readonly Waiting[] {
    const now = this.#clock.now()
    return [...this.#waiting.values()].filter(({ lookAt }) => lookAt <= now)
  }

  /** What the store does not have either is waited for further. */
  async *#fill(waiting: Waiting): AsyncGenerator<DomainEventEnvelope> {
    const key = aggregateKey(waiting.aggregate)
    const next = await this.#nextOf(key, waiting.aggregate)
    const first = Math.min(...waiting.events.keys())
    waiting.lookAt = this.#clock.now() + this.#gapMs
    const found = await this.#eventStore.loadEvents(waiting.aggregate, {
      fromVersion: next,
      toVersion: first - 1,
      limit: 1000,
    })
    for (const event of found) {
      this.#remember(key, event.sequence + 1)
      yield event
    }
    yield* this.#release(key)
    // There may be more than one page: look at once.
    if (found.length > 0) waiting.lookAt = this.#clock.now()
  }

  async #nextOf(key: string, aggregate: AggregateRef): Promise<number> {
    const known = this.#next.get(key)
    if (known !== undefined) return known
    const next = (await this.#lastSequence(aggregate)) + 1
    this.#remember(key, next)
    return next
  }

  #remember(key: string, next: number): void {
    this.#next.delete(key)
    this.#next.set(key, next)
    if (this.#next.size <= this.#mostRemembered) return
    for (const oldest of this.#next.keys()) {
      if (this.#waiting.has(oldest)) continue
      this.#next.delete(oldest)
      break
    }
  }
}
