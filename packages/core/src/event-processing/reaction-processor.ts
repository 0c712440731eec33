/** Runs a reaction: the event processor behind effects that no transaction can take back. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { type Clock, systemClock } from './clock.ts'
import { aggregateKey } from './dead-letter.ts'
import type { EventFailure, EventProcessor, ProcessContext, ProcessResult } from './event-processor.ts'
import type { ProgressSave, ProgressStore } from './progress-store.ts'
import type { ReactionDefinition } from './reaction.ts'
import { runInLanes, withTimeout } from './run-in-lanes.ts'

/** Options of a {@link ReactionProcessor}. */
export interface ReactionProcessorOptions {
  /** How many handlers run at once, of different aggregates each; 1 when left out. */
  readonly concurrency?: number
  /** How long a handler may take; 30,000 ms when left out. */
  readonly handlerTimeoutMs?: number
  readonly clock?: Clock
}

/**
 * Handles each event at least once. After a crash, those handled since the last save come again, at most one batch of them.
 */
export class ReactionProcessor implements EventProcessor {
  readonly progressStore: ProgressStore
  readonly #reaction: ReactionDefinition
  readonly #concurrency: number
  readonly #handlerTimeoutMs: number
  readonly #clock: Clock

  constructor(reaction: ReactionDefinition, progressStore: ProgressStore, options: ReactionProcessorOptions = {}) {
    checkOptions('ReactionProcessor', options, ['concurrency', 'handlerTimeoutMs', 'clock'])
    this.progressStore = progressStore
    this.#reaction = reaction
    this.#concurrency = checkWholeNumber('ReactionProcessor', 'concurrency', options.concurrency ?? 1, { least: 1 })
    this.#handlerTimeoutMs = checkWholeNumber(
      'ReactionProcessor',
      'handlerTimeoutMs',
      options.handlerTimeoutMs ?? 30_000,
      { least: 1 },
    )
    this.#clock = options.clock ?? systemClock
  }

  get processorName(): string {
    return this.#reaction.reactionName
  }

  get subjectPatterns(): readonly string[] {
    return this.#reaction.subjectPatterns
  }

  async getCheckpoint(): Promise<number> {
    return (await this.progressStore.readProgress(this.processorName))?.position ?? 0
  }

  /**
   * Every effect is made at once, so there is always one to save. When the processor stops, no event is begun but those that a
   * later one has overtaken. A handler that gives up because of that has not failed: its event comes again.
   */
  async process(events: readonly DomainEventEnvelope[], context: ProcessContext): Promise<ProcessResult> {
    const failures = new Map<string, EventFailure>()
    const { signal } = context
    let furthest = 0
    let firstLeft = Number.POSITIVE_INFINITY
    const leave = ({ position }: DomainEventEnvelope): void => {
      firstLeft = Math.min(firstLeft, position)
    }
    await runInLanes(events, this.#concurrency, async (event) => {
      const key = aggregateKey(event)
      if (failures.has(key)) return
      // Once one is left, whatever comes after it will come again.
      if (event.position > firstLeft || (signal.aborted && event.position > furthest)) return leave(event)
      furthest = Math.max(furthest, event.position)
      try {
        await this.#react(event, context)
      } catch (error) {
        if (signal.aborted) leave(event)
        else failures.set(key, { event, error })
      }
    })
    const unsavedEffects = events.length === 0 ? 0 : Number.POSITIVE_INFINITY
    const all = [...failures.values()]
    if (firstLeft === Number.POSITIVE_INFINITY) return { unsavedEffects, failures: all }
    const handledUntil = firstLeft - 1
    return { unsavedEffects, failures: all.filter(({ event }) => event.position <= handledUntil), handledUntil }
  }

  saveCheckpoint(save: ProgressSave): Promise<void> {
    return this.progressStore.saveProgress(save)
  }

  async #react(event: DomainEventEnvelope, { replayUntil, signal }: ProcessContext): Promise<void> {
    const { reactionName, upcasters } = this.#reaction
    const decoded = decodeEvent(event, upcasters.get(event.aggregateType))
    const late = new AbortController()
    const handling = this.#reaction.react(decoded, {
      isReplay: event.position <= replayUntil,
      idempotencyKey: `${reactionName}:${event.eventId}`,
      signal: AbortSignal.any([signal, late.signal]),
    })
    if (handling === undefined) return
    const subject = (): string => `${reactionName}: the handler of ${event.eventType} at ${event.position}`
    try {
      await withTimeout(handling, this.#handlerTimeoutMs, subject, this.#clock)
    } catch (error) {
      late.abort(error)
      throw error
    }
  }
}
