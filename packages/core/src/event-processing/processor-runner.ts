/** Runs one event processor from its checkpoint on, until it is stopped. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { neverThrowing } from '../errors/never-throwing.ts'
import { CheckpointAheadError } from '../errors/store-errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { Signal } from '../event-store/signal.ts'
import type { EventProcessor } from './event-processor.ts'
import { nextTurn } from './next-turn.ts'
import { type RetryDelay, retryDelayMs } from './retry-delay.ts'

/** What a {@link ProcessorRunner} needs. */
export interface ProcessorRunnerOptions {
  readonly eventStore: EventStore
  readonly processor: EventProcessor
  /** The most events read and processed in one go; 1,000 when left out. */
  readonly batchSize?: number
  /** The most events between two checkpoints while there is a backlog; 250,000 when left out. */
  readonly eventsPerCheckpoint?: number
  /** Waits between attempts at a batch that failed; 100 ms to 30 s when left out. */
  readonly retryDelay?: RetryDelay
  /** Is told of every failure. The batch is tried again until it succeeds or the runner stops. */
  readonly onError?: (error: unknown, status: ProcessorStatus) => void
  /** From 0 up to 1. */
  readonly random?: () => number
}

/** How a processor is doing. */
export interface ProcessorStatus {
  readonly processorName: string
  /** `retrying`: the batch after `position` failed and will be tried again. */
  readonly state: 'stopped' | 'running' | 'retrying'
  /** Everything up to here has been processed. */
  readonly position: number
  /** Events processed since the runner was made. */
  readonly processedEvents: number
  /** How often the next batch has failed in a row. */
  readonly failures: number
  /** The newest failure's message, if the newest attempt failed. */
  readonly lastError: string | undefined
}

/** Effects wait in memory until they are saved: not more than about so many. */
const mostUnsavedEffects = 20_000

/** Owns the loop of one processor. */
export class ProcessorRunner {
  readonly #eventStore: EventStore
  readonly #processor: EventProcessor
  readonly #batchSize: number
  readonly #eventsPerCheckpoint: number
  readonly #retryDelay: RetryDelay
  readonly #onError: (error: unknown, status: ProcessorStatus) => void
  readonly #random: () => number
  readonly #stopping = new Signal()
  #abort: AbortController | undefined
  #loop: Promise<void> | undefined
  #position = 0
  #processedEvents = 0
  #failures = 0
  #lastError: string | undefined

  constructor(options: ProcessorRunnerOptions) {
    checkOptions('ProcessorRunner', options, [
      'eventStore',
      'processor',
      'batchSize',
      'eventsPerCheckpoint',
      'retryDelay',
      'onError',
      'random',
    ])
    this.#eventStore = options.eventStore
    this.#processor = options.processor
    this.#batchSize = checkWholeNumber('ProcessorRunner', 'batchSize', options.batchSize ?? 1000, {
      least: 1,
      most: 10_000,
    })
    this.#eventsPerCheckpoint = checkWholeNumber(
      'ProcessorRunner',
      'eventsPerCheckpoint',
      options.eventsPerCheckpoint ?? 250_000,
      { least: 1 },
    )
    this.#retryDelay = options.retryDelay ?? { firstMs: 100, mostMs: 30_000 }
    this.#onError = neverThrowing(options.onError)
    this.#random = options.random ?? Math.random
  }

  get status(): ProcessorStatus {
    return {
      processorName: this.#processor.processorName,
      state: this.#loop === undefined ? 'stopped' : this.#failures > 0 ? 'retrying' : 'running',
      position: this.#position,
      processedEvents: this.#processedEvents,
      failures: this.#failures,
      lastError: this.#lastError,
    }
  }

  /**
   * Reads the checkpoint and begins to process. Does nothing when it runs already.
   * @throws {CheckpointAheadError} when the checkpoint lies beyond the end of the event store
   */
  async start(): Promise<void> {
    if (this.#abort !== undefined) return
    const abort = new AbortController()
    this.#abort = abort
    try {
      await this.#readCheckpoint()
    } catch (error) {
      // It may have been stopped and started again meanwhile.
      if (this.#abort === abort) this.#abort = undefined
      throw error
    }
    // It may have been stopped meanwhile.
    if (!abort.signal.aborted) this.#loop = this.#run(abort.signal)
  }

  /** Finishes the batch under way and saves, then stops. */
  async stop(): Promise<void> {
    this.#abort?.abort()
    this.#stopping.notify()
    await this.#loop
    this.#abort = undefined
    this.#loop = undefined
  }

  async #readCheckpoint(): Promise<void> {
    this.#position = await this.#processor.getCheckpoint()
    const head = await this.#eventStore.headPosition()
    if (this.#position > head) throw new CheckpointAheadError(this.#processor.processorName, this.#position, head)
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#failures > 0) await this.#readCheckpoint()
        await this.#follow(signal)
      } catch (error) {
        this.#failures++
        this.#lastError = error instanceof Error ? error.message : String(error)
        this.#onError(error, this.status)
        if (signal.aborted) return
        const timeoutMs = retryDelayMs(this.#retryDelay, this.#failures, this.#random())
        await this.#stopping.wait(this.#stopping.count, { signal, timeoutMs })
      }
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const batches = this.#eventStore.subscribe(this.#processor.subjectPatterns, {
      afterPosition: this.#position,
      batchSize: this.#batchSize,
      signal,
    })
    let reached = this.#position
    let unsavedEvents = 0
    for await (const { events, position } of batches) {
      const unsavedEffects = await this.#processor.process(events)
      reached = position
      this.#processedEvents += events.length
      unsavedEvents += events.length
      // Over a backlog, many batches share a checkpoint and its commit.
      const isBacklog = events.length === this.#batchSize && position < (await this.#eventStore.headPosition())
      if (!isBacklog || unsavedEvents >= this.#eventsPerCheckpoint || unsavedEffects >= mostUnsavedEffects) {
        await this.#saveCheckpoint(position)
        unsavedEvents = 0
      }
      // A long backlog must not keep everyone else in this process from running.
      await nextTurn()
    }
    if (reached > this.#position) await this.#saveCheckpoint(reached)
  }

  async #saveCheckpoint(position: number): Promise<void> {
    await this.#processor.saveCheckpoint(position)
    this.#position = position
    this.#failures = 0
    this.#lastError = undefined
  }
}
