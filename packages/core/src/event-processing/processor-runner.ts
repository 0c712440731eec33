/** Runs one event processor from its checkpoint on, until it is stopped. */

import { hasErrorCode } from '../errors/cim-error.ts'
import { messageOf } from '../errors/message-of.ts'
import { DeadLettersChangedError } from '../errors/processing-errors.ts'
import { CheckpointAheadError, StoreCorruptError } from '../errors/store-errors.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventBatch } from '../event-store/event-store.ts'
import { Signal } from '../event-store/signal.ts'
import { type SubjectMatcher, subjectMatcher } from '../event-store/subject-pattern.ts'
import { createUuidGenerator } from '../event-store/uuid.ts'
import { Arrivals } from './arrivals.ts'
import type { DeadLetterSequence } from './dead-letter.ts'
import type { EventFailure, EventProcessor, ProcessContext, ProcessResult } from './event-processor.ts'
import { EventRate } from './event-rate.ts'
import { HeldEvents } from './held-events.ts'
import {
  type CheckedRunnerOptions,
  checkRunnerOptions,
  type ProcessorRunnerOptions,
} from './processor-runner-options.ts'
import type { ProcessorStatus } from './processor-status.ts'
import type { ProcessorClaim, ProcessorProgress } from './progress-store.ts'
import { retryDelayMs } from './retry-delay.ts'
import { withSeen } from './seen-events.ts'

/** Effects wait in memory until they are saved: not more than about so many. */
const mostUnsavedEffects = 20_000
/** Aggregates that are tried again between two batches. */
const mostRetriesPerTurn = 20

const newOwner = createUuidGenerator()

/** Owns the loop of one processor. */
export class ProcessorRunner {
  readonly processor: EventProcessor
  readonly #options: CheckedRunnerOptions
  readonly #matches: SubjectMatcher
  readonly #owner: string = newOwner()
  readonly #held: HeldEvents
  readonly #rate: EventRate
  /** Something has come that the loop should look at. */
  readonly #wake = new Signal()
  /** A save is done, or the state is another one. */
  readonly #moved = new Signal()
  #abort: AbortController | undefined
  #loop: Promise<void> | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #state: ProcessorStatus['state'] = 'stopped'
  #claim: ProcessorClaim | undefined
  #progress: ProcessorProgress | undefined
  #leaseUntil = 0
  /** Somebody wants it to look at its progress and its dead letters at once. */
  #isAwaited = false
  #position = 0
  #headPosition = 0
  /** Processed since the last save. */
  #reached = 0
  #unsavedEvents = 0
  /** `#reached` at the last sign of life, when there was more to come. */
  #lastReached = -1
  #newestTime = 0
  #processedEvents = 0
  #failures = 0
  #failedAttempts = 0
  /** An event has failed since the last save. */
  #hasFailed = false
  #lastError: string | undefined

  constructor(options: ProcessorRunnerOptions) {
    const checked = checkRunnerOptions(options)
    const { processor, failures, mostHeldSequences, clock, random } = checked
    this.#options = checked
    this.processor = processor
    this.#matches = subjectMatcher(processor.subjectPatterns)
    this.#rate = new EventRate(clock.now())
    this.#held = new HeldEvents({
      processorName: processor.processorName,
      policy: failures,
      mostSequences: mostHeldSequences,
      now: clock.now,
      random,
    })
  }

  get status(): ProcessorStatus {
    const now = this.#options.clock.now()
    const lagEvents = Math.max(0, this.#headPosition - this.#position)
    return {
      processorName: this.processor.processorName,
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
      heldSequences: this.#held.size,
    }
  }

  /**
   * Asks for the processor and begins to process. Does nothing when it runs already.
   * @throws {CheckpointAheadError} when the checkpoint lies beyond the end of the event store
   */
  async start(): Promise<void> {
    if (this.#stopping !== undefined) await this.#stopping
    if (this.#abort !== undefined) return
    const abort = new AbortController()
    this.#abort = abort
    this.#starting = this.#begin()
    try {
      await this.#starting
    } catch (error) {
      await this.#giveBack()
      this.#abort = undefined
      throw error
    } finally {
      this.#starting = undefined
    }
    // It may have been stopped meanwhile.
    if (abort.signal.aborted) return
    this.#enter('waiting')
    this.#loop = this.#run(abort.signal)
  }

  /** Finishes the batch under way and saves, then gives the processor back and stops. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    await this.#stopping
  }

  async #stop(): Promise<void> {
    this.#abort?.abort()
    this.#wake.notify()
    try {
      await this.#starting
    } catch {
      // Whoever started it is told.
    }
    await this.#loop
    // Stopped while it started, it may have asked for the processor already.
    await this.#giveBack()
    this.#abort = undefined
    this.#loop = undefined
    this.#stopping = undefined
    this.#enter('stopped')
  }

  /** Looks at once whether something is to be done: after dead letters were retried or discarded, or it was paused. */
  wake(): void {
    this.#isAwaited = true
    this.#wake.notify()
  }

  /**
   * Waits until everything is processed that the event store holds now; dead letters stay behind.
   * @param options a signal to give up
   * @throws the signal's reason
   */
  async drain({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const head = await this.#options.eventStore.headPosition()
    for (;;) {
      signal?.throwIfAborted()
      const seen = this.#moved.count
      if (this.#position >= head || this.#state === 'stopped') return
      await this.#moved.wait(seen, { signal })
    }
  }

  /** Whatever is appended once this is done comes after the start. */
  async #begin(): Promise<void> {
    if (this.#options.startAt !== 'beginning') await this.#ask()
    await this.#readCheckpoint()
  }

  async #readCheckpoint(): Promise<void> {
    this.#position = await this.processor.getCheckpoint()
    this.#reached = this.#position
    this.#unsavedEvents = 0
    this.#headPosition = await this.#options.eventStore.headPosition()
    if (this.#position > this.#headPosition) {
      throw new CheckpointAheadError(this.processor.processorName, this.#position, this.#headPosition)
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seen = this.#wake.count
      try {
        if (!(await this.#ask())) {
          await this.#rest(seen, this.#options.leaseMs / 3, signal)
          continue
        }
        await this.#readCheckpoint()
        await this.#held.load(this.processor.progressStore)
        this.#enter(this.#failures === 0 ? 'running' : 'retrying')
        await this.#follow(signal)
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) await this.#recover(error, signal)
      }
    }
    await this.#giveBack()
  }

  /** @returns whether this runner has the processor */
  async #ask(): Promise<boolean> {
    const { processorName, progressStore } = this.processor
    const progress = await progressStore.readProgress(processorName)
    if (progress?.isPaused === true) {
      await this.#giveBack()
      this.#restIn('paused')
      return false
    }
    const now = this.#options.clock.now()
    const startPosition = await this.#startPosition()
    const request = { owner: this.#owner, now, leaseMs: this.#options.leaseMs, startPosition }
    this.#claim = await progressStore.claimProcessor(processorName, request)
    if (this.#claim === undefined) {
      // What the owner has done counts for whoever drains this one.
      this.#position = progress?.position ?? 0
      this.#restIn('waiting')
      return false
    }
    this.#leaseUntil = now + this.#options.leaseMs
    this.#progress = await progressStore.readProgress(processorName)
    return true
  }

  async #startPosition(): Promise<number> {
    if (this.#options.startAt === 'beginning') return 0
    const head = await this.#options.eventStore.headPosition()
    return this.#options.startAt === 'now' ? head : Math.min(this.#options.startAt, head)
  }

  async #giveBack(): Promise<void> {
    const claim = this.#claim
    this.#claim = undefined
    try {
      if (claim !== undefined) await this.processor.progressStore.releaseClaim(claim)
    } catch {
      // The claim ends by itself.
    }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    // Another owner, or another's hand on the dead letters: nothing has failed, the step is done again.
    if (hasErrorCode(error, 'stale-owner') || hasErrorCode(error, 'dead-letters-changed')) return
    this.#failures++
    this.#lastError = messageOf(error)
    this.#enter('retrying')
    this.#options.onError(error, this.status)
    await this.#rest(
      this.#wake.count,
      retryDelayMs(this.#options.failures.retryDelay, this.#failures, this.#options.random()),
      signal,
    )
  }

  async #rest(seen: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#wake.wait(seen, { signal, timeoutMs, schedule: this.#options.clock.schedule })
  }

  async #follow(signal: AbortSignal): Promise<void> {
    // A subscription that is a generator answers `return` only after its pending `next`, which this ends.
    const ending = new AbortController()
    const batches = this.#options.eventStore.subscribe(this.processor.subjectPatterns, {
      afterPosition: this.#position,
      batchSize: this.#options.batchSize,
      signal: ending.signal,
    })
    const iterator = batches[Symbol.asyncIterator]()
    const arrivals = new Arrivals(iterator, this.#wake)
    try {
      while (!signal.aborted) {
        const seen = this.#wake.count
        if (!(await this.#tend(signal))) return
        const batch = arrivals.take()
        if (batch === undefined) {
          await this.#wake.wait(seen, { signal, timeoutMs: this.#idleMs(), schedule: this.#options.clock.schedule })
          continue
        }
        await this.#processBatch(batch, signal)
        // A long backlog must not keep everyone else in this process from running.
        await this.#options.nextTurn()
      }
      if (this.#reached > this.#position || this.#held.hasChanges) await this.#save(this.#reached)
    } finally {
      ending.abort()
      await iterator.return?.()
    }
  }

  /** How long nothing but a new event need be looked at. */
  #idleMs(): number {
    const { clock, leaseMs } = this.#options
    const leftMs = Math.min(this.#leaseUntil - (leaseMs * 2) / 3, this.#held.dueAt) - clock.now()
    return Math.max(0, Math.min(leftMs, leaseMs / 3))
  }

  /** A clock that was set back must not keep it from looking at what others ask: more than a whole lease is left then. */
  #isSignDue(): boolean {
    const { clock, leaseMs } = this.#options
    const now = clock.now()
    return now >= this.#leaseUntil - (leaseMs * 2) / 3 || now < this.#leaseUntil - leaseMs
  }

  /** Shows a sign of life, and tries again what is due. @returns false when it is to be asked for, and read, anew */
  async #tend(signal: AbortSignal): Promise<boolean> {
    if (this.#isAwaited || this.#isSignDue()) {
      this.#isAwaited = false
      const progress = await this.#showSignOfLife()
      this.#headPosition = await this.#options.eventStore.headPosition()
      if (this.#headPosition <= this.#position) this.#forgetFailures()
      // A wake-up that was lost must not hold anything up for longer than this.
      if (this.#headPosition > this.#reached && this.#reached === this.#lastReached) return false
      this.#lastReached = this.#headPosition > this.#reached ? this.#reached : -1
      if (progress.isPaused) {
        if (this.#reached > this.#position || this.#held.hasChanges) await this.#save(this.#reached)
        return false
      }
      if (progress.revision !== this.#progress?.revision) {
        if (this.#reached > this.#position) {
          const { revision } = this.#progress ?? { revision: 0 }
          throw new DeadLettersChangedError(progress.processorName, revision, progress.revision)
        }
        this.#progress = progress
        await this.#held.load(this.processor.progressStore)
      }
    }
    for (const sequence of this.#held.due(mostRetriesPerTurn)) {
      if (signal.aborted) break
      await this.#retry(sequence, signal)
    }
    return true
  }

  async #showSignOfLife(): Promise<ProcessorProgress> {
    const leaseUntil = this.#options.clock.now() + this.#options.leaseMs
    const progress = await this.processor.progressStore.renewClaim(this.#owned().claim, leaseUntil)
    this.#leaseUntil = leaseUntil
    return progress
  }

  /** Shows signs of life as long as the handlers take: else another runner would begin the same work. */
  async #process(events: readonly DomainEventEnvelope[], context: ProcessContext): Promise<ProcessResult> {
    let cancel = (): void => undefined
    const beat = (): void => {
      cancel = this.#options.clock.schedule(() => {
        // When it fails, the save will fail too.
        this.#showSignOfLife().catch(() => undefined)
        beat()
      }, this.#options.leaseMs / 3)
    }
    beat()
    try {
      return await this.processor.process(events, context)
    } finally {
      cancel()
    }
  }

  async #processBatch({ events, position }: EventBatch, signal: AbortSignal): Promise<void> {
    const live = this.#held.holdBack(events)
    this.#unsavedEvents += events.length
    const { failures, unsavedEffects } = await this.#process(live, this.#context(signal))
    for (const failure of failures) {
      this.#tellFailure(failure)
      this.#held.hold(failure, live)
    }
    this.#seen(events, position)
    // Over a backlog, many batches share a checkpoint and its commit.
    this.#headPosition = Math.max(position, await this.#options.eventStore.headPosition())
    const isBacklog = events.length === this.#options.batchSize && position < this.#headPosition
    const isMuch = this.#unsavedEvents >= this.#options.eventsPerCheckpoint || unsavedEffects >= mostUnsavedEffects
    if (!isBacklog || isMuch || failures.length > 0) await this.#save(position)
  }

  #seen(events: readonly DomainEventEnvelope[], position: number): void {
    this.#reached = position
    this.#processedEvents += events.length
    this.#rate.add(events.length, this.#options.clock.now())
    const progress = this.#progress
    if (progress !== undefined) this.#progress = { ...progress, seen: withSeen(progress.seen, events) }
    const newest = events.at(-1)
    if (newest !== undefined) this.#newestTime = Date.parse(newest.timestamp)
  }

  /** Processes the events of an aggregate that is held back, as far as that goes. */
  async #retry(due: DeadLetterSequence, signal: AbortSignal): Promise<void> {
    for (let fromVersion = due.fromSequence; ; ) {
      const sequence = this.#held.get(due)
      if (sequence === undefined) return
      const { toSequence: toVersion } = sequence
      const page = await this.#options.eventStore.loadEvents(due, {
        fromVersion,
        toVersion,
        limit: this.#options.batchSize,
      })
      const last = page.at(-1)
      if (last === undefined) throw eventsMissing(this.processor.processorName, sequence)
      const events = page.filter(({ aggregateType, eventType }) => this.#matches(aggregateType, eventType))
      const { failures } = await this.#process(events, this.#context(signal))
      const [failure] = failures
      if (failure === undefined) {
        const next =
          last.sequence < toVersion ? { sequence: last.sequence + 1, position: last.position + 1 } : undefined
        this.#held.advance(sequence, events.length, next)
      } else {
        this.#tellFailure(failure)
        const before = events.filter((event) => event.sequence < failure.event.sequence)
        this.#held.failAgain(sequence, failure, before.length)
      }
      // Over a backlog it is saved with everything else: a commit for each attempt would hold up all others.
      if (this.#reached === this.#position) await this.#save(this.#position)
      if (failure !== undefined || last.sequence >= toVersion) return
      fromVersion = last.sequence + 1
    }
  }

  #context(signal: AbortSignal): ProcessContext {
    return { replayUntil: this.#progress?.replayUntil ?? 0, signal }
  }

  #tellFailure({ event, error }: EventFailure): void {
    this.#failedAttempts++
    this.#hasFailed = true
    this.#lastError = `${event.eventType} at position ${event.position}: ${messageOf(error)}`
    this.#options.onError(error, this.status)
  }

  async #save(position: number): Promise<void> {
    const { claim, progress } = this.#owned()
    const leaseUntil = this.#options.clock.now() + this.#options.leaseMs
    const { seen, revision: expectedRevision } = progress
    const deadLetters = this.#held.changes()
    const expectedPosition = this.#position
    const save = { claim, expectedPosition, expectedRevision, position, seen, leaseUntil, deadLetters }
    await this.processor.saveCheckpoint(save)
    this.#leaseUntil = leaseUntil
    this.#held.saved()
    this.#position = position
    this.#unsavedEvents = 0
    this.#progress = { ...progress, position }
    this.#failures = 0
    if (!this.#hasFailed) this.#lastError = undefined
    this.#hasFailed = false
    this.#enter('running')
  }

  #owned(): { readonly claim: ProcessorClaim; readonly progress: ProcessorProgress } {
    const [claim, progress] = [this.#claim, this.#progress]
    if (claim !== undefined && progress !== undefined) return { claim, progress }
    throw new Error(`Processor ${this.processor.processorName} works without a claim: this is a mistake in the runner.`)
  }

  /** The stores have answered, and others do the work: nothing is wrong here. */
  #restIn(state: 'paused' | 'waiting'): void {
    this.#failures = 0
    this.#lastError = undefined
    this.#enter(state)
  }

  #forgetFailures(): void {
    if (this.#failures === 0) return
    this.#failures = 0
    this.#lastError = undefined
    this.#enter('running')
  }

  #enter(state: ProcessorStatus['state']): void {
    this.#state = state
    this.#moved.notify()
  }
}

function eventsMissing(
  processorName: string,
  { aggregateType, aggregateId, fromSequence, toSequence }: DeadLetterSequence,
) {
  return new StoreCorruptError(
    `Processor ${processorName}: events ${fromSequence} to ${toSequence} of ${aggregateType} ${JSON.stringify(aggregateId)} are held ` +
      'back and are not in the event store. Does the processor belong to another event store? Restore a backup, or discard them.',
  )
}
