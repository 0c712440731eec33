/** Puts deliveries from outside into the order of their aggregates: a broker may repeat, reorder and lose them. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { type Clock, systemClock } from './clock.ts'
import { aggregateKey } from './dead-letter.ts'
import { Deliveries } from './in-sequence-deliveries.ts'
import { type Gap, Gaps } from './in-sequence-gaps.ts'

/** What {@link inSequence} needs. */
export interface InSequenceOptions {
  /** Where a gap is filled from. Without it, only the source can fill one. */
  readonly eventStore?: Pick<EventStore, 'loadEvents'>
  /**
   * @returns the sequence of an aggregate's last event that has been processed, 0 for none. An event that was handed out
   * counts as processed when the next one is asked for.
   */
  readonly lastSequence: (aggregate: AggregateRef) => Promise<number>
  /** How long to wait for a missing event before it is looked for in the store; 1,000 ms when left out. */
  readonly gapMs?: number
  /** How many events may wait for missing ones; 10,000 when left out. One more is an error, unless the store fills a gap. */
  readonly mostWaiting?: number
  /** Of how many aggregates the last sequence is remembered; 100,000 when left out. */
  readonly mostRemembered?: number
  readonly clock?: Clock
}

/** At most so many missing events are read at a time. */
const pageSize = 1000

/**
 * @param source deliveries, in any order, as often as they like
 * @returns each aggregate's events from its last sequence on, each once and without a gap; different aggregates as they come.
 * It throws a `SequenceGapError` once an event is missing that neither the store has nor the source can still bring:
 * because the source has ended, or because too many events wait already.
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
  readonly #eventStore: Pick<EventStore, 'loadEvents'> | undefined
  readonly #lastSequence: (aggregate: AggregateRef) => Promise<number>
  readonly #mostWaiting: number
  readonly #mostRemembered: number
  readonly #clock: Clock
  /** The sequence that comes next, by aggregate; the one that was used last stands last. */
  readonly #next = new Map<string, number>()
  readonly #gaps: Gaps

  constructor({ eventStore, lastSequence, gapMs, mostWaiting, mostRemembered, clock }: InSequenceOptions) {
    this.#eventStore = eventStore
    this.#lastSequence = lastSequence
    this.#mostWaiting = checkWholeNumber('inSequence', 'mostWaiting', mostWaiting ?? 10_000, { least: 1 })
    this.#mostRemembered = checkWholeNumber('inSequence', 'mostRemembered', mostRemembered ?? 100_000, { least: 1 })
    this.#clock = clock ?? systemClock
    const waitMs = checkWholeNumber('inSequence', 'gapMs', gapMs ?? 1000, { least: 0 })
    this.#gaps = new Gaps(waitMs, this.#mostWaiting, this.#clock)
  }

  async *follow(source: AsyncIterable<DomainEventEnvelope>): AsyncGenerator<DomainEventEnvelope> {
    const deliveries = new Deliveries(source, this.#clock)
    try {
      for (;;) {
        // Taking turns: neither does a busy source keep gaps from being looked at, nor do many gaps hold up the source.
        const delivery = await deliveries.next(this.#msUntilLook())
        if (delivery?.done === true) break
        if (delivery !== undefined) yield* this.#take(delivery.value)
        const gap = this.#gaps.first
        if (gap !== undefined && this.#msUntilLook() === 0) yield* this.#fill(gap)
      }
      yield* this.#fillUntil(() => this.#gaps.size === 0, 'The source has ended')
    } finally {
      await deliveries.end()
    }
  }

  /** @returns undefined when there is nothing to look for, or nowhere */
  #msUntilLook(): number | undefined {
    const gap = this.#gaps.first
    return gap === undefined || this.#eventStore === undefined ? undefined : this.#gaps.msUntilDue(gap)
  }

  async *#take(event: DomainEventEnvelope): AsyncGenerator<DomainEventEnvelope> {
    const key = aggregateKey(event)
    for (;;) {
      const next = await this.#nextOf(key, event)
      if (event.sequence < next) return
      if (event.sequence === next) {
        this.#remember(key, next + 1)
        yield event
        yield* this.#release(key)
        return
      }
      if (this.#gaps.hold(key, event)) return
      const problem = `No more than ${this.#mostWaiting} events may wait (mostWaiting)`
      yield* this.#fillUntil(() => !this.#gaps.isFull, problem)
    }
  }

  /** Those that waited for the event before them. */
  *#release(key: string): Generator<DomainEventEnvelope> {
    for (;;) {
      const next = this.#next.get(key) ?? 0
      const event = this.#gaps.take(key, next)
      if (event === undefined) break
      this.#remember(key, next + 1)
      yield event
    }
    this.#gaps.postpone(key)
  }

  /**
   * Fills gaps when the source cannot do it any more.
   * @throws {SequenceGapError} when the store has been asked for each of them in vain
   */
  async *#fillUntil(isEnough: () => boolean, problem: string): AsyncGenerator<DomainEventEnvelope> {
    let inVain = 0
    for (let gap = this.#gaps.first; gap !== undefined && !isEnough(); gap = this.#gaps.first) {
      const leftMs = this.#msUntilLook()
      if (leftMs === undefined || inVain >= this.#gaps.size) {
        const store = this.#eventStore === undefined ? 'there is no store to read from' : 'the store does not have it'
        throw this.#gaps.toError(gap, await this.#nextOf(gap.key, gap.aggregate), `${problem}, and ${store}.`)
      }
      await this.#pause(leftMs)
      const isFilled = yield* this.#fill(gap)
      inVain = isFilled ? 0 : inVain + 1
    }
  }

  /** @returns whether the store had any of what is missing; the rest is looked for again later */
  async *#fill({ key, aggregate, first }: Gap): AsyncGenerator<DomainEventEnvelope, boolean> {
    let isFilled = false
    for (;;) {
      const next = await this.#nextOf(key, aggregate)
      const range = { fromVersion: next, toVersion: first - 1, limit: pageSize }
      const found = next < first ? ((await this.#eventStore?.loadEvents(aggregate, range)) ?? []) : []
      if (found.length === 0) break
      isFilled = true
      for (const event of found) {
        this.#remember(key, event.sequence + 1)
        yield event
      }
    }
    yield* this.#release(key)
    return isFilled
  }

  async #pause(delayMs: number): Promise<void> {
    if (delayMs === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#clock.schedule(resolve, delayMs)
    await promise
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
      if (oldest === key || this.#gaps.has(oldest)) continue
      this.#next.delete(oldest)
      break
    }
  }
}
