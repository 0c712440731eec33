/** The dead letters of one processor, as its runner keeps them between two saves. */

import { messageOf, textOf } from '../errors/message-of.ts'
import { TooManyDeadLettersError } from '../errors/processing-errors.ts'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { aggregateKey, type DeadLetterChange, type DeadLetterSequence, type ProcessingFailure } from './dead-letter.ts'
import type { EventFailure } from './event-processor.ts'
import { type CheckedFailurePolicy, nextAttemptMs } from './failure-policy.ts'
import type { ProgressStore } from './progress-store.ts'

/** What {@link HeldEvents} needs. */
export interface HeldEventsOptions {
  readonly processorName: string
  readonly policy: CheckedFailurePolicy
  /** How many aggregates may be held back. */
  readonly mostSequences: number
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** From 0 up to 1. */
  readonly random: () => number
}

/** Knows which aggregates are held back, and collects what the next save has to change about them. */
export class HeldEvents {
  readonly #options: HeldEventsOptions
  #sequences = new Map<string, DeadLetterSequence>()
  /** The ids of all of these, and perhaps more. */
  #ids = new Set<string>()
  readonly #changed = new Map<string, AggregateRef>()
  /** No attempt is due before: milliseconds since 1970. */
  #dueAt = Number.POSITIVE_INFINITY

  constructor(options: HeldEventsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#sequences.size
  }

  get dueAt(): number {
    return this.#dueAt
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0
  }

  /** Reads everything anew. */
  async load(store: ProgressStore): Promise<void> {
    const sequences = new Map<string, DeadLetterSequence>()
    const { processorName } = this.#options
    for (let after: string | undefined; ; ) {
      const options = after === undefined ? { limit: 1000 } : { limit: 1000, after }
      const page = await store.listDeadLetters(processorName, options)
      for (const sequence of page.sequences) sequences.set(aggregateKey(sequence), sequence)
      if (page.next === undefined) break
      after = page.next
    }
    this.#sequences = sequences
    this.#ids = new Set(Array.from(sequences.values(), ({ aggregateId }) => aggregateId))
    this.#changed.clear()
    this.#dueAt = Number.NEGATIVE_INFINITY
  }

  /** @returns the events whose aggregates are not held back */
  others(events: readonly DomainEventEnvelope[]): readonly DomainEventEnvelope[] {
    if (this.#sequences.size === 0) return events
    return events.filter((event) => this.#holderOf(event) === undefined)
  }

  /** Holds back those events whose aggregates are held back already. */
  holdBack(events: readonly DomainEventEnvelope[]): void {
    if (this.#sequences.size === 0) return
    for (const event of events) {
      const held = this.#holderOf(event)
      const { sequence: toSequence, position: toPosition } = event
      // It may come again after a failed save; then it is counted already.
      if (held === undefined || toSequence <= held.toSequence) continue
      this.#put({ ...held, toSequence, toPosition, eventCount: held.eventCount + 1 })
    }
  }

  #holderOf(event: DomainEventEnvelope): DeadLetterSequence | undefined {
    // Most aggregates are told apart by their ids alone, without a key being made.
    return this.#ids.has(event.aggregateId) ? this.#sequences.get(aggregateKey(event)) : undefined
  }

  /**
   * Begins to hold an aggregate back.
   * @param failure its first event that failed
   * @param events what was processed with it: the aggregate's later events among them wait behind it
   * @throws {TooManyDeadLettersError} when too many are held back already
   */
  hold({ event, error }: EventFailure, events: readonly DomainEventEnvelope[]): void {
    const { processorName, mostSequences } = this.#options
    if (this.#sequences.size >= mostSequences) {
      throw new TooManyDeadLettersError(processorName, mostSequences, { cause: error })
    }
    const key = aggregateKey(event)
    const behind = events.filter((other) => other.sequence > event.sequence && aggregateKey(other) === key)
    const last = behind.at(-1) ?? event
    const at = new Date(this.#options.now()).toISOString()
    this.#put({
      processorName,
      aggregateType: event.aggregateType,
      aggregateId: event.aggregateId,
      ...this.#nextAttempt(error, 1),
      fromSequence: event.sequence,
      fromPosition: event.position,
      toSequence: last.sequence,
      toPosition: last.position,
      eventCount: 1 + behind.length,
      attempts: 1,
      failure: describe(event, error),
      firstFailedAt: at,
      lastFailedAt: at,
    })
  }

  /** @returns aggregates whose next attempt is due, those that failed first before the others */
  due(most: number): readonly DeadLetterSequence[] {
    const now = this.#options.now()
    if (now < this.#dueAt) return []
    const due: DeadLetterSequence[] = []
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const sequence of this.#sequences.values()) {
      if (sequence.nextAttemptAt === undefined) continue
      const at = Date.parse(sequence.nextAttemptAt)
      if (at <= now && due.length < most) due.push(sequence)
      // An attempt that fails says itself when the next one is due.
      else this.#dueAt = Math.min(this.#dueAt, at)
    }
    return due
  }

  /** @returns the sequence as it is now, undefined when the aggregate is not held back */
  get(aggregate: AggregateRef): DeadLetterSequence | undefined {
    return this.#sequences.get(aggregateKey(aggregate))
  }

  /**
   * Some of the first events of an aggregate have been processed.
   * @param next the event that comes first now, undefined when none is left
   */
  advance(sequence: DeadLetterSequence, processed: number, next: AggregatePlace | undefined): void {
    if (next === undefined) {
      this.#sequences.delete(aggregateKey(sequence))
      this.#changed.set(aggregateKey(sequence), sequence)
      return
    }
    this.#put({
      ...sequence,
      fromSequence: next.sequence,
      fromPosition: next.position,
      eventCount: sequence.eventCount - processed,
      attempts: 0,
    })
  }

  /**
   * Another attempt has failed.
   * @param processed how many events before the one that failed have been processed
   */
  failAgain(sequence: DeadLetterSequence, { event, error }: EventFailure, processed: number): void {
    const attempts = event.sequence === sequence.fromSequence ? sequence.attempts + 1 : 1
    const at = new Date(this.#options.now()).toISOString()
    this.#put({
      ...sequence,
      ...this.#nextAttempt(error, attempts),
      fromSequence: event.sequence,
      fromPosition: event.position,
      eventCount: sequence.eventCount - processed,
      attempts,
      failure: describe(event, error),
      firstFailedAt: attempts === 1 ? at : sequence.firstFailedAt,
      lastFailedAt: at,
    })
  }

  /** @returns what has changed since the last save */
  changes(): readonly DeadLetterChange[] {
    if (this.#changed.size === 0) return []
    return [...this.#changed].map(([key, aggregate]) => {
      const sequence = this.#sequences.get(key)
      return sequence === undefined ? { kind: 'resolve', aggregate } : { kind: 'put', sequence }
    })
  }

  /** What {@link changes} gave is saved. */
  saved(): void {
    this.#changed.clear()
  }

  #put(sequence: DeadLetterSequence): void {
    const key = aggregateKey(sequence)
    this.#sequences.set(key, sequence)
    this.#ids.add(sequence.aggregateId)
    this.#changed.set(key, sequence)
    if (sequence.nextAttemptAt !== undefined) this.#dueAt = Math.min(this.#dueAt, Date.parse(sequence.nextAttemptAt))
  }

  #nextAttempt(error: unknown, attempts: number): Pick<DeadLetterSequence, 'state' | 'nextAttemptAt'> {
    const { policy, now, random } = this.#options
    const delayMs = nextAttemptMs(policy, error, attempts, random())
    if (delayMs === undefined) return { state: 'parked', nextAttemptAt: undefined }
    return { state: 'retrying', nextAttemptAt: new Date(now() + delayMs).toISOString() }
  }
}

/** Where an event is. */
export interface AggregatePlace {
  readonly sequence: number
  readonly position: number
}

/** Handlers throw anything: nothing of it may fail here. */
function describe({ eventId, eventType }: DomainEventEnvelope, error: unknown): ProcessingFailure {
  const failure = { message: messageOf(error), eventId, eventType }
  if (!(error instanceof Error)) return { name: 'unknown', ...failure }
  const code = textOf(() => (error as { readonly code?: unknown }).code ?? '')
  const stack = textOf(() => error.stack ?? '')
  return {
    name: textOf(() => error.name),
    ...failure,
    ...(code === '' ? undefined : { code }),
    ...(stack === '' ? undefined : { stack }),
  }
}
