/** The events that wait for missing ones, by aggregate. */

import { SequenceGapError } from '../errors/sequence-gap-error.ts'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { Clock } from './clock.ts'

/** One aggregate's events that wait for those before them. */
export interface Gap {
  readonly key: string
  readonly aggregate: AggregateRef
  /** By sequence. */
  readonly events: Map<number, DomainEventEnvelope>
  /** The lowest sequence that waits. */
  first: number
  /** When the store is asked for what is missing, in milliseconds since 1970. */
  lookAt: number
}

/** All gaps, of which a bounded number of events wait. */
export class Gaps {
  readonly #gapMs: number
  readonly #mostWaiting: number
  readonly #clock: Clock
  /** The one that is looked at next stands first: each is put at the end with the same wait ahead of it. */
  readonly #gaps = new Map<string, Gap>()
  #waitingEvents = 0

  constructor(gapMs: number, mostWaiting: number, clock: Clock) {
    this.#gapMs = gapMs
    this.#mostWaiting = mostWaiting
    this.#clock = clock
  }

  /** Of how many aggregates events wait. */
  get size(): number {
    return this.#gaps.size
  }

  get isFull(): boolean {
    return this.#waitingEvents >= this.#mostWaiting
  }

  /** The gap that is looked at next. */
  get first(): Gap | undefined {
    return this.#gaps.values().next().value
  }

  has(key: string): boolean {
    return this.#gaps.has(key)
  }

  /** Milliseconds until a gap is to be looked at. A clock that was set back makes none wait longer than it has to. */
  msUntilDue({ lookAt }: Gap): number {
    const leftMs = lookAt - this.#clock.now()
    return leftMs > this.#gapMs ? 0 : Math.max(0, leftMs)
  }

  /** Lets an event wait. @returns false when so many wait that this one may not */
  hold(key: string, event: DomainEventEnvelope): boolean {
    const { aggregateType, aggregateId, sequence } = event
    const gap = this.#gaps.get(key)
    if (gap?.events.has(sequence) === true) return true
    if (this.isFull) return false
    this.#waitingEvents++
    if (gap === undefined) {
      const aggregate = { aggregateType, aggregateId }
      const events = new Map([[sequence, event]])
      this.#gaps.set(key, { key, aggregate, events, first: sequence, lookAt: this.#lookAt() })
    } else {
      gap.events.set(sequence, event)
      gap.first = Math.min(gap.first, sequence)
    }
    return true
  }

  /** @returns the event that waited for its turn, and no longer does; undefined when it has not come yet */
  take(key: string, sequence: number): DomainEventEnvelope | undefined {
    const gap = this.#gaps.get(key)
    const event = gap?.events.get(sequence)
    if (gap === undefined || event === undefined) return undefined
    gap.events.delete(sequence)
    this.#waitingEvents--
    if (gap.events.size === 0) this.#gaps.delete(key)
    return event
  }

  /** After events were taken: lets those that still wait be looked at again after all other gaps. */
  postpone(key: string): void {
    const gap = this.#gaps.get(key)
    if (gap === undefined) return
    if (!gap.events.has(gap.first)) gap.first = firstOf(gap.events)
    gap.lookAt = this.#lookAt()
    this.#gaps.delete(key)
    this.#gaps.set(key, gap)
  }

  /** @param missing the sequence that a gap begins with @param why nobody can bring it, as a sentence */
  toError({ aggregate, events, first }: Gap, missing: number, why: string): SequenceGapError {
    const waiting = { first, count: events.size, otherAggregates: this.#gaps.size - 1 }
    return new SequenceGapError(aggregate, missing, waiting, why)
  }

  #lookAt(): number {
    return this.#clock.now() + this.#gapMs
  }
}

function firstOf(events: Gap['events']): number {
  let first = Number.POSITIVE_INFINITY
  for (const sequence of events.keys()) first = Math.min(first, sequence)
  return first
}
