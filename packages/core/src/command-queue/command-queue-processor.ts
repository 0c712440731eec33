/** Executes queued commands: in the order in which they were queued for an aggregate, those for different ones side by side. */

import { hasErrorCode } from '../errors/cim-error.ts'
import type { ConcurrencyError } from '../errors/concurrency-errors.ts'
import { aggregateKey } from '../event-processing/dead-letter.ts'
import type {
  EventFailure,
  EventProcessor,
  ProcessContext,
  ProcessResult,
} from '../event-processing/event-processor.ts'
import type { CheckedFailurePolicy } from '../event-processing/failure-policy.ts'
import type { ProgressSave, ProgressStore } from '../event-processing/progress-store.ts'
import { retryDelayMs } from '../event-processing/retry-delay.ts'
import { runInLanes } from '../event-processing/run-in-lanes.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { Signal } from '../event-store/signal.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import type { CommandHandler } from '../write-side/command-handler.ts'
import { commandFailureKind, isFault, reasonOf } from './command-failure.ts'
import {
  type CommandFinished,
  type CommandQueued,
  pendingAcknowledgment,
  queuedCommandRef,
  queuedSubject,
  readQueued,
} from './queued-command.ts'

/** What a {@link CommandQueueProcessor} needs. */
export interface CommandQueueProcessorOptions {
  readonly eventStore: EventStore
  readonly progressStore: ProgressStore
  readonly commandHandler: CommandHandler
  /** How many commands are executed at once, to different aggregates. */
  readonly concurrency: number
  readonly failures: CheckedFailurePolicy
  /** Is told of failures that are not the sender's. */
  readonly onError: (error: unknown) => void
}

/** The name that the queue's progress is kept under. */
export const commandQueueName = 'CommandQueue'

/**
 * Executes each command once: it is repeated when the process ends before it is noted that the command is finished, and its id
 * then gives the first acknowledgment. Nothing is held back: a command ends in an outcome, or all wait for the store.
 */
export class CommandQueueProcessor implements EventProcessor {
  readonly processorName: string = commandQueueName
  readonly subjectPatterns: readonly string[] = [queuedSubject]
  readonly #options: CommandQueueProcessorOptions
  /** Commands up to here may have been executed by whoever ran the queue before. */
  #repeatsUntil = 0

  constructor(options: CommandQueueProcessorOptions) {
    this.#options = options
  }

  get progressStore(): ProgressStore {
    return this.#options.progressStore
  }

  async getCheckpoint(): Promise<number> {
    this.#repeatsUntil = await this.#options.eventStore.headPosition()
    return (await this.progressStore.readProgress(this.processorName))?.position ?? 0
  }

  /** @throws the store's error when a command cannot be executed now: the batch comes again */
  async process(events: readonly DomainEventEnvelope[], { signal }: ProcessContext): Promise<ProcessResult> {
    const unreadable: EventFailure[] = []
    const commands: DomainEventEnvelope[] = []
    for (const event of events) {
      try {
        readQueued(event)
        commands.push(event)
      } catch (error) {
        unreadable.push({ event, error })
      }
    }
    let interruption: { readonly error: unknown } | undefined
    const execute = async (event: DomainEventEnvelope): Promise<void> => {
      if (interruption !== undefined) return
      try {
        signal.throwIfAborted()
        await this.#execute(event, signal)
      } catch (error) {
        interruption ??= { error }
      }
    }
    await runInLanes(commands, this.#options.concurrency, execute, targetOf)
    if (interruption !== undefined) throw (interruption as { readonly error: unknown }).error
    return { unsavedEffects: events.length === 0 ? 0 : Number.POSITIVE_INFINITY, failures: unreadable }
  }

  saveCheckpoint(save: ProgressSave): Promise<void> {
    return this.progressStore.saveProgress(save)
  }

  async #execute(event: DomainEventEnvelope, signal: AbortSignal): Promise<void> {
    if (event.position <= this.#repeatsUntil && (await this.#isFinished(event))) return
    const queued = readQueued(event)
    const acknowledgment = await this.#outcomeOf(queued, event, signal)
    await this.#finish(queued, acknowledgment)
  }

  async #isFinished({ aggregateId: commandId }: DomainEventEnvelope): Promise<boolean> {
    const after = await this.#options.eventStore.loadEvents(queuedCommandRef(commandId), { fromVersion: 2 })
    return after.some(({ eventType }) => eventType === 'CommandFinished')
  }

  async #outcomeOf(
    queued: CommandQueued,
    event: DomainEventEnvelope,
    signal: AbortSignal,
  ): Promise<CommandAcknowledgment> {
    const { commandHandler, failures, onError } = this.#options
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      try {
        return await commandHandler.handlePrepared(queued)
      } catch (error) {
        const kind = commandFailureKind(failures, error)
        if (kind === 'transient') throw error
        if (kind === 'permanent' || attempt >= failures.maxAttempts) {
          if (isFault(error)) onError(error)
          return this.#refuse(queued, event, error)
        }
        const timeoutMs = retryDelayMs(failures.retryDelay, attempt, Math.random())
        await new Signal().wait(0, { signal, timeoutMs })
      }
    }
  }

  /** Lets the aggregate remember the refusal, as it does rejections, so that the id gets the same answer everywhere. */
  async #refuse(queued: CommandQueued, event: DomainEventEnvelope, error: unknown): Promise<CommandAcknowledgment> {
    const { commandHandler, failures } = this.#options
    const reason = reasonOf(error)
    try {
      return await commandHandler.refusePrepared(queued, reason)
    } catch (again) {
      if (commandFailureKind(failures, again) === 'transient') throw again
      // The aggregate cannot be read, or nothing defines it any more, or it knows the id for something else.
      return { ...pendingAcknowledgment(queued, event.timestamp), status: 'Rejected', reason }
    }
  }

  async #finish({ command }: CommandQueued, acknowledgment: CommandAcknowledgment): Promise<void> {
    const { commandId, correlationId } = command
    const eventData: CommandFinished = { acknowledgment }
    const event = { eventType: 'CommandFinished', eventData, metadata: { correlationId, causationId: commandId } }
    try {
      await this.#options.eventStore.appendEvents(queuedCommandRef(commandId), [event], { expectedVersion: 1 })
    } catch (error) {
      // Somebody else ran the queue at the same time, and has noted it.
      if (hasErrorCode(error, 'concurrency') && (error as ConcurrencyError).actualVersion > 1) return
      throw error
    }
  }
}

function targetOf(event: DomainEventEnvelope): string {
  const { aggregateType, command } = readQueued(event)
  return aggregateKey({ aggregateType, aggregateId: command.aggregateId })
}
