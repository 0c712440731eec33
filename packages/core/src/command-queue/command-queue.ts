/** Takes commands that are executed later, and tells what has become of them. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { CommandQueueFullError, UnknownCommandIdError } from '../errors/command-queue-errors.ts'
import { ValidationError } from '../errors/input-errors.ts'
import { neverThrowing } from '../errors/never-throwing.ts'
import type { EventProcessor } from '../event-processing/event-processor.ts'
import { classifyFailure, type FailurePolicy } from '../event-processing/failure-policy.ts'
import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { ProgressStore } from '../event-processing/progress-store.ts'
import { checkRetryDelay } from '../event-processing/retry-delay.ts'
import { problemWithId } from '../event-store/aggregate-ref.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { Command } from '../write-side/command.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import type { CommandHandler, HandleOptions } from '../write-side/command-handler.ts'
import type { PreparedCommand } from '../write-side/prepared-command.ts'
import { CommandQueueProcessor, commandQueueName } from './command-queue-processor.ts'
import { LazyRunner } from './lazy-runner.ts'
import { PendingCommands } from './pending-commands.ts'
import { type CommandFinished, pendingAcknowledgment, queuedCommandRef, readQueued } from './queued-command.ts'

/** How much the queue takes at a time. */
export interface CommandQueueOptions {
  /** The most commands that may wait; 10,000 when left out. */
  readonly mostPending?: number
  /** How many commands are executed at once, to different aggregates; 64 when left out. */
  readonly concurrency?: number
  /** Is told of failures that those who sent the commands cannot mend. */
  readonly onError?: (error: unknown) => void
}

/** What a {@link CommandQueue} needs. */
export interface CommandQueueParts {
  readonly eventStore: EventStore
  readonly progressStore: ProgressStore
  readonly commandHandler: CommandHandler
  readonly options: CommandQueueOptions | undefined
  readonly failures: FailurePolicy | undefined
  readonly createRunner: (processor: EventProcessor, startAt: number) => ProcessorRunner
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** How the queue is doing, as far as this process has heard. */
export interface CommandQueueStatus {
  /** How many commands wait or are being executed. */
  readonly depth: number
  readonly limit: number
  /** How long the oldest of them has waited, in milliseconds; 0 when there is none. */
  readonly oldestPendingMs: number
  /** Commands executed each second, over the last ten seconds or so. */
  readonly executedPerSecond: number
}

/** Options of {@link CommandQueue.acknowledgmentOf}. */
export interface AcknowledgmentOptions {
  /** How long to wait for the final acknowledgment; 0 when left out. */
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

const longestWaitMs = 2 ** 31 - 1

/** Owns the queue of one application: what is queued in any process is executed by one that was started. */
export class CommandQueue {
  readonly #eventStore: EventStore
  readonly #progressStore: ProgressStore
  readonly #commandHandler: CommandHandler
  readonly #mostPending: number
  readonly #pending: PendingCommands
  readonly #runner: LazyRunner
  /** Commands on their way into the event store. */
  #arriving = 0

  constructor(parts: CommandQueueParts) {
    const { eventStore, progressStore, commandHandler, options, createRunner, now } = parts
    checkOptions('commandQueue', options, ['mostPending', 'concurrency', 'onError'])
    const onError = neverThrowing(options?.onError)
    const whole = (name: 'mostPending' | 'concurrency', otherwise: number): number =>
      checkWholeNumber('commandQueue', name, options?.[name] ?? otherwise, { least: 1 })
    this.#mostPending = whole('mostPending', 10_000)
    const concurrency = whole('concurrency', 64)
    const failures = {
      maxAttempts: parts.failures?.maxAttempts ?? 5,
      retryDelay: checkRetryDelay(parts.failures?.retryDelay ?? { firstMs: 100, mostMs: 30_000 }),
      classify: parts.failures?.classify ?? classifyFailure,
    }
    this.#eventStore = eventStore
    this.#progressStore = progressStore
    this.#commandHandler = commandHandler
    const { retryDelay } = failures
    const processorParts = { eventStore, progressStore, commandHandler, concurrency, failures, onError }
    const create = (): ProcessorRunner => {
      // What comes before the first command need not be looked through.
      const startAt = (this.#pending.firstQueued ?? 1) - 1
      return createRunner(new CommandQueueProcessor(processorParts), startAt)
    }
    this.#runner = new LazyRunner({ create, retryDelay, onError })
    this.#pending = new PendingCommands({
      eventStore,
      checkpoint: async () => (await progressStore.readProgress(commandQueueName))?.position ?? 0,
      retryDelay,
      now,
      onQueued: () => this.#runner.need(),
      onError,
    })
  }

  /** The processor that executes commands, once there was any. */
  get runners(): readonly ProcessorRunner[] {
    return this.#runner.made
  }

  get status(): CommandQueueStatus {
    const { size, oldestMs: oldestPendingMs, executedPerSecond } = this.#pending
    return { depth: size, limit: this.#mostPending, oldestPendingMs, executedPerSecond }
  }

  /** Begins to execute what waits. An application that has never queued a command only listens for the first. */
  async start(): Promise<void> {
    const wasRun = (await this.#progressStore.readProgress(commandQueueName)) !== undefined
    await this.#pending.follow()
    await this.#runner.start(wasRun || this.#pending.firstQueued !== undefined)
  }

  /** Finishes the commands under way. What waits goes on waiting, and nobody waits for it any longer. */
  async stop(): Promise<void> {
    await this.#runner.stop()
    this.#pending.stop()
  }

  /**
   * Takes a command, to be executed later. It is validated and authorized now.
   * @returns Pending once it is durable; what has become of it when the same command came before, and is finished
   * @throws {CommandQueueFullError} when too many commands wait
   * @throws {CommandIdReusedError} when the command id was used for other content
   * @throws as {@link CommandHandler.prepare} does
   */
  async dispatch(command: Command, options?: HandleOptions): Promise<CommandAcknowledgment> {
    const prepared = await this.#commandHandler.prepare(command, options)
    // It may have been executed at once when it came first.
    const first = command.commandId === undefined ? undefined : await this.#commandHandler.findFirst(prepared)
    if (first !== undefined) return first
    await this.#pending.follow()
    if (this.#depth >= this.#mostPending && !(await this.#isQueued(prepared))) throw this.#full()
    options?.signal?.throwIfAborted()
    this.#arriving++
    try {
      return await this.#enqueue(prepared)
    } finally {
      this.#arriving--
    }
  }

  /**
   * Tells what has become of a queued command.
   * @returns its final acknowledgment, or Pending when it was not finished in the time allowed
   * @throws {UnknownCommandIdError} when no command was queued under the id
   * @throws {ValidationError} when it is no id
   * @throws the signal's reason
   */
  async acknowledgmentOf(commandId: string, options: AcknowledgmentOptions = {}): Promise<CommandAcknowledgment> {
    checkOptions('acknowledgmentOf', options, ['waitMs', 'signal'])
    const { waitMs = 0, signal } = options
    checkWholeNumber('acknowledgmentOf', 'waitMs', waitMs, { least: 0, most: longestWaitMs })
    signal?.throwIfAborted()
    if (waitMs === 0) return this.#read(commandId)
    await this.#pending.follow()
    const done = new AbortController()
    const given = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal])
    // Listens before it looks, so that what is finished in between is heard.
    const outcome = this.#pending.outcomeOf(commandId, waitMs, given)
    try {
      const known = await this.#read(commandId)
      if (known.status !== 'Pending') return known
      const final = await outcome
      signal?.throwIfAborted()
      return final ?? known
    } finally {
      done.abort()
    }
  }

  get #depth(): number {
    return this.#pending.size + this.#arriving
  }

  async #enqueue(prepared: PreparedCommand): Promise<CommandAcknowledgment> {
    const { command, fingerprint } = prepared
    const { commandId, correlationId, userId, sessionId } = command
    const metadata = {
      correlationId,
      causationId: commandId,
      commandId,
      ...(userId === undefined ? undefined : { userId }),
      ...(sessionId === undefined ? undefined : { sessionId }),
    }
    const event = { eventType: 'CommandQueued', eventData: prepared, metadata }
    const result = await this.#eventStore.appendEvents(queuedCommandRef(commandId), [event], {
      expectedVersion: 0,
      command: { commandId, fingerprint },
    })
    if (result.isRepeat) return this.#read(commandId)
    this.#pending.add(commandId, result)
    return pendingAcknowledgment(prepared, result.timestamp)
  }

  async #read(commandId: string): Promise<CommandAcknowledgment> {
    const problem = problemWithId(commandId)
    if (problem !== undefined) throw new ValidationError('command id', [{ pointer: '', message: problem }])
    const [first, ...later] = await this.#eventStore.loadEvents(queuedCommandRef(commandId))
    if (first === undefined) throw new UnknownCommandIdError(commandId)
    const finished = later.find(({ eventType }) => eventType === 'CommandFinished')
    if (finished !== undefined) return (finished.eventData as CommandFinished).acknowledgment
    return pendingAcknowledgment(readQueued(first), first.timestamp)
  }

  async #isQueued({ command: { commandId } }: PreparedCommand): Promise<boolean> {
    return (await this.#eventStore.findCommand(queuedCommandRef(commandId), commandId)) !== undefined
  }

  /** A tenth of the queue should be free when all come back who were sent away. */
  #full(): CommandQueueFullError {
    const { executedPerSecond } = this.#pending
    const estimate = executedPerSecond === 0 ? 5000 : (this.#mostPending / 10 / executedPerSecond) * 1000
    const retryAfterMs = Math.round(Math.min(60_000, Math.max(1000, estimate)))
    return new CommandQueueFullError(this.#depth, this.#mostPending, retryAfterMs)
  }
}
