/** What operators ask of the processors of an application: how they are doing, and to pause, resume, drain, audit. */

import { UnknownNameError } from '../errors/input-errors.ts'
import { type AuditOptions, auditProcessor, type ProcessorAudit } from '../event-processing/audit-processor.ts'
import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { ProcessorStatus } from '../event-processing/processor-status.ts'
import type { DeadLetterCounts, ProcessorProgress } from '../event-processing/progress-store.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { DeadLetters } from './dead-letters.ts'

/** What {@link Processing} needs. */
export interface ProcessingOptions {
  readonly eventStore: EventStore
  /** The processors that run at the moment: they change as views are rebuilt. */
  readonly runners: () => readonly ProcessorRunner[]
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** A processor as an operator sees it. */
export interface ProcessorOverview {
  /** How it is doing in this process. */
  readonly status: ProcessorStatus
  /** What is stored of it; undefined when nobody has ever run it. */
  readonly progress: ProcessorProgress | undefined
  readonly deadLetters: DeadLetterCounts
}

/** Watches and steers the processors of one application. */
export class Processing {
  readonly #eventStore: EventStore
  readonly #runners: () => readonly ProcessorRunner[]
  /** Events that could not be processed. */
  readonly deadLetters: DeadLetters

  constructor({ eventStore, runners, now }: ProcessingOptions) {
    this.#eventStore = eventStore
    this.#runners = runners
    this.deadLetters = new DeadLetters({ eventStore, now, runnerOf: (processorName) => this.#runnerOf(processorName) })
  }

  get processorNames(): readonly string[] {
    return this.#runners().map(({ processor }) => processor.processorName)
  }

  /** @returns every processor */
  async list(): Promise<readonly ProcessorOverview[]> {
    return Promise.all(this.#runners().map(overviewOf))
  }

  /** @throws {UnknownNameError} when there is no such processor */
  async show(processorName: string): Promise<ProcessorOverview> {
    return overviewOf(this.#runnerOf(processorName))
  }

  /**
   * Lets nobody run a processor, here and in any other process, until it is resumed. It finishes the batch under way, and
   * saves; another process notices at its next sign of life. Stays so over restarts.
   * @throws {UnknownNameError} when there is no such processor
   */
  async pause(processorName: string): Promise<ProcessorOverview> {
    return this.#setPaused(processorName, true)
  }

  /** Lets a processor run again. @throws {UnknownNameError} when there is no such processor */
  async resume(processorName: string): Promise<ProcessorOverview> {
    return this.#setPaused(processorName, false)
  }

  /**
   * Waits until a processor has done everything that the event store holds now; what it holds back stays behind. One that
   * is paused keeps it waiting.
   * @throws {UnknownNameError} when there is no such processor
   * @throws the signal's reason
   */
  async drain(processorName: string, options?: { readonly signal?: AbortSignal }): Promise<void> {
    await this.#runnerOf(processorName).drain(options)
  }

  /**
   * Proves that a processor has seen every position. @see {@link auditProcessor}
   * @throws {UnknownNameError} when there is no such processor
   */
  async audit(processorName: string, options?: AuditOptions): Promise<ProcessorAudit> {
    const { subjectPatterns, progressStore } = this.#runnerOf(processorName).processor
    return auditProcessor({ eventStore: this.#eventStore, processorName, subjectPatterns, progressStore }, options)
  }

  async #setPaused(processorName: string, isPaused: boolean): Promise<ProcessorOverview> {
    const runner = this.#runnerOf(processorName)
    await runner.processor.progressStore.setPaused(processorName, isPaused)
    runner.wake()
    return overviewOf(runner)
  }

  #runnerOf(processorName: string): ProcessorRunner {
    const runner = this.#runners().find(({ processor }) => processor.processorName === processorName)
    if (runner !== undefined) return runner
    throw new UnknownNameError('unknown-processor', processorName, this.processorNames)
  }
}

async function overviewOf({ status, processor }: ProcessorRunner): Promise<ProcessorOverview> {
  const { processorName, progressStore } = processor
  const [progress, deadLetters] = await Promise.all([
    progressStore.readProgress(processorName),
    progressStore.countDeadLetters(processorName),
  ])
  return { status, progress, deadLetters }
}
