/** Counts what a processor does, for whoever asks how it is doing. */

import { messageOf } from '../errors/message-of.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { Signal } from '../event-store/signal.ts'
import type { Clock } from './clock.ts'
import type { EventFailure } from './event-processor.ts'
import { EventRate } from './event-rate.ts'
import type { ProcessorStatus, ProcessorStep } from './processor-status.ts'

/** Knows where one processor is, and what it has met with. */
export class ProcessorGauge {
  /** A save is done, or the state is another one. */
  readonly moved: Signal = new Signal()
  readonly #processorName: string
  readonly #clock: Clock
  readonly #rate: EventRate
  #state: ProcessorStatus['state'] = 'stopped'
  #position = 0
  #headPosition = 0
  #reached = 0
  #unsavedEvents = 0
  #newestTime = 0
  #processedEvents = 0
  #failures = 0
  #failedAttempts = 0
  /** An event has failed since the last save. */
  #hasFailed = false
  #lastError: string | undefined
  #step: { readonly step: ProcessorStep; readonly since: number } | undefined

  constructor(processorName: string, clock: Clock) {
    this.#processorName = processorName
    this.#clock = clock
    this.#rate = new EventRate(clock.now())
  }

  get state(): ProcessorStatus['state'] {
    return this.#state
  }

  /** Up to here it is saved. */
  get position(): number {
    return this.#position
  }

  get headPosition(): number {
    return this.#headPosition
  }

  /** Up to here it is processed, saved or not. */
  get reached(): number {
    return this.#reached
  }

  get hasUnsaved(): boolean {
    return this.#reached > this.#position
  }

  get unsavedEvents(): number {
    return this.#unsavedEvents
  }

  status(heldSequences: number): ProcessorStatus {
    const now = this.#clock.now()
    const step = this.#step
    const lagEvents = Math.max(0, this.#headPosition - this.#position)
    return {
      processorName: this.#processorName,
      state: this.#state,
      position: this.#position,
      headPosition: Math.max(this.#headPosition, this.#position),
      lagEvents,
      lagSeconds: lagEvents === 0 || this.#newestTime === 0 ? 0 : Math.max(0, (now - this.#newestTime) / 1000),
      eventsPerSecond: this.#rate.perSecond(now),
      inFlightEvents: this.#unsavedEvents,
      processedEvents: this.#processedEvents,
      failures: this.#failures,
      failedAttempts: this.#failedAttempts,
      lastError: this.#lastError,
      heldSequences,
      waitingFor: step && { step: step.step, since: new Date(step.since).toISOString() },
    }
  }

  /** Shows what is waited for, and since when, as long as the work takes. */
  async during<TResult>(step: ProcessorStep, work: () => Promise<TResult>): Promise<TResult> {
    this.#step = { step, since: this.#clock.now() }
    try {
      return await work()
    } finally {
      this.#step = undefined
    }
  }

  enter(state: ProcessorStatus['state']): void {
    this.#state = state
    this.moved.notify()
  }

  /** It has the processor, and begins where the last save ended. */
  begin(): void {
    this.enter(this.#failures === 0 ? 'running' : 'retrying')
  }

  /** The stores have answered, and others do the work: nothing is wrong here. */
  rest(state: 'paused' | 'waiting'): void {
    this.#failures = 0
    this.#lastError = undefined
    this.enter(state)
  }

  /** Goes on from a checkpoint: what was not saved is forgotten. */
  moveTo(position: number): void {
    this.#position = position
    this.#reached = position
    this.#unsavedEvents = 0
  }

  /** What the owner has done counts for whoever drains one that waits. */
  ownerIsAt(position: number): void {
    this.#position = position
  }

  headIsAt(position: number): void {
    this.#headPosition = position
  }

  /** So many events are being processed. */
  took(count: number): void {
    this.#unsavedEvents += count
  }

  /** Everything up to a position is processed. */
  processed(events: readonly DomainEventEnvelope[], position: number): void {
    this.#reached = position
    this.#processedEvents += events.length
    this.#rate.add(events.length, this.#clock.now())
    const newest = events.at(-1)
    if (newest !== undefined) this.#newestTime = Date.parse(newest.timestamp)
  }

  saved(position: number): void {
    this.#position = position
    this.#unsavedEvents = 0
    this.#failures = 0
    if (!this.#hasFailed) this.#lastError = undefined
    this.#hasFailed = false
    this.enter('running')
  }

  eventFailed({ event, error }: EventFailure): void {
    this.#failedAttempts++
    this.#hasFailed = true
    this.#lastError = `${event.eventType} at position ${event.position}: ${messageOf(error)}`
  }

  /** Something other than an event has failed. @returns how often in a row that was so */
  failed(error: unknown): number {
    this.#failures++
    this.#lastError = messageOf(error)
    this.enter('retrying')
    return this.#failures
  }

  /** Nothing is left to do: whatever failed before does so no longer. */
  forgetFailures(): void {
    if (this.#failures === 0) return
    this.#failures = 0
    this.#lastError = undefined
    this.enter('running')
  }
}
