/** The dead letters of one processor, as its runner keeps them between two saves. */

import { messageOf, textOf } from '../errors/message-of.ts'
import { TooManyDeadLettersError } from '../errors/processing-errors.ts'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { aggregateKey, type DeadLetterChange, type DeadLetterSequence, type ProcessingFailure } from './dead-letter.ts'
import type { EventFailure } from './event-processor.ts'
import { type CheckedFailurePolicy, nextAttemptMs } from './failure-policy.ts'
import { type AggregatePlace, type HeldChange, isContradicted, reconcile } from './held-change.ts'
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
  #changed = new Map<string, HeldChange>()
  /** No attempt is due before: milliseconds since 1970. */
  #dueAt = Number.POSITIVE_INFINITY

  constructor(options: HeldEventsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#sequences.size
  }

  get dueAt(): number {
    const now = this.#options.now()
    return this.#isDue(this.#dueAt, now) ? now : this.#dueAt
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0
  }

  /** Reads everything anew, and forgets what is not saved. */
  async load(store: ProgressStore): Promise<void> {
    this.#changed.clear()
    this.#begin(await this.#read(store))
  }

  /**
   * Takes in what others have changed, and keeps what is not saved.
   * @returns false when the two contradict each other: nothing is taken in then
   */
  async takeIn(store: ProgressStore): Promise<boolean> {
    const sequences = await this.#read(store)
    const changed = new Map<string, HeldChange>()
    const now = new Date(this.#options.now()).toISOString()
    for (const [key, change] of this.#changed) {
      const before = sequences.get(key)
      const present = reconcile(change, this.#sequences.get(key), before, now)
      if (present === isContradicted) return false
      if (present === undefined) sequences.delete(key)
      else sequences.set(key, present)
      changed.set(key, { ...change, before })
    }
    this.#changed = changed
    this.#begin(sequences)
    return true
  }

  #begin(sequences: Map<string, DeadLetterSequence>): void {
    this.#sequences = sequences
    this.#ids = new Set(Array.from(sequences.values(), ({ aggregateId }) => aggregateId))
    this.#dueAt = Number.NEGATIVE_INFINITY
  }

  async #read(store: ProgressStore): Promise<Map<string, DeadLetterSequence>> {
    const sequences = new Map<string, DeadLetterSequence>()
    const { processorName } = this.#options
    for (let after: string | undefined; ; ) {
      const options = after === undefined ? { limit: 1000 } : { limit: 1000, after }
      const page = await store.listDeadLetters(processorName, options)
      for (const sequence of page.sequences) sequences.set(aggregateKey(sequence), sequence)
      if (page.next === undefined) return sequences
      after = page.next
    }
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
      const behind = { sequence: toSequence, position: toPosition }
      this.#put({ ...held, toSequence, toPosition, eventCount: held.eventCount + 1 }, behind)
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
    if (!this.#isDue(this.#dueAt, now)) return []
    const due: DeadLetterSequence[] = []
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const sequence of this.#sequences.values()) {
      if (sequence.nextAttemptAt === undefined) continue
      const at = Date.parse(sequence.nextAttemptAt)
      if (this.#isDue(at, now) && due.length < most) due.push(sequence)
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
      const key = aggregateKey(sequence)
      this.#note(key, sequence)
      this.#sequences.delete(key)
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
    return [...this.#changed].map(([key, { aggregate }]) => {
      const sequence = this.#sequences.get(key)
      return sequence === undefined ? { kind: 'resolve', aggregate } : { kind: 'put', sequence }
    })
  }

  /** What {@link changes} gave is saved. */
  saved(): void {
    this.#changed.clear()
  }

  /** @param behind the newest event of it, when it comes behind those that were held back before */
  #put(sequence: DeadLetterSequence, behind?: AggregatePlace): void {
    const key = aggregateKey(sequence)
    this.#note(key, sequence, behind)
    this.#sequences.set(key, sequence)
    this.#ids.add(sequence.aggregateId)
    if (sequence.nextAttemptAt !== undefined) this.#dueAt = Math.min(this.#dueAt, Date.parse(sequence.nextAttemptAt))
  }

  /** Remembers what is stored, before the first change since the last save. */
  #note(key: string, aggregate: AggregateRef, behind?: AggregatePlace): void {
    const known = this.#changed.get(key)
    if (known !== undefined && (behind === undefined || known.behind !== undefined)) return
    const before = known === undefined ? this.#sequences.get(key) : known.before
    this.#changed.set(key, { aggregate, before, behind })
  }

  /** Nobody waits longer than the longest delay: what seems to has met a clock that was set back meanwhile. */
  #isDue(at: number, now: number): boolean {
    return at <= now || (at > now + this.#options.policy.retryDelay.mostMs && at !== Number.POSITIVE_INFINITY)
  }

  #nextAttempt(error: unknown, attempts: number): Pick<DeadLetterSequence, 'state' | 'nextAttemptAt'> {
    const { policy, now, random } = this.#options
    const delayMs = nextAttemptMs(policy, error, attempts, random())
    if (delayMs === undefined) return { state: 'parked', nextAttemptAt: undefined }
    return { state: 'retrying', nextAttemptAt: new Date(now() + delayMs).toISOString() }
  }
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
