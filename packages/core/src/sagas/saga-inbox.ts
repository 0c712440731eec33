/** Where the instances of one saga are told things: each input becomes one append to the instance's journal. */

import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import { CommandHandler, type CommandHandlerOptions } from '../write-side/command-handler.ts'
import { Repository, type RepositoryOptions } from '../write-side/repository.ts'
import type { SagaDefinition } from './saga.ts'
import type { CommandOutcome, SagaEventData } from './saga-events.ts'
import type { SagaInput } from './saga-input.ts'
import type { SagaInstance } from './saga-instance.ts'
import { journalOf, takeInput } from './saga-journal.ts'

/** What a {@link SagaInbox} needs. */
export interface SagaInboxOptions
  extends Pick<CommandHandlerOptions, 'eventStore' | 'maxAttempts' | 'now' | 'newId' | 'commandSpans'>,
    Pick<RepositoryOptions, 'snapshotStore' | 'snapshotEvery' | 'maxCachedAggregates' | 'onSnapshotError'> {
  readonly definition: SagaDefinition
}

/**
 * One input at a time is decided on for an instance, and each only once: it has an id, which the event store recognises
 * whatever has happened in between.
 */
export class SagaInbox {
  readonly definition: SagaDefinition
  readonly #eventStore: EventStore
  readonly #journal: Repository<SagaInstance>
  readonly #handler: CommandHandler

  constructor(options: SagaInboxOptions) {
    const { definition, eventStore, maxAttempts, now, newId, commandSpans, ...repository } = options
    this.definition = definition
    this.#eventStore = eventStore
    this.#journal = new Repository({ ...repository, eventStore, definition: journalOf(definition, eventStore.limits) })
    this.#handler = new CommandHandler({
      eventStore,
      repositories: [this.#journal as Repository],
      ...(maxAttempts === undefined ? undefined : { maxAttempts }),
      ...(now === undefined ? undefined : { now }),
      ...(newId === undefined ? undefined : { newId }),
      ...(commandSpans === undefined ? undefined : { commandSpans }),
    })
  }

  /** @returns the position before the event that started the first instance, undefined when there is none */
  async hasBegunAfter(): Promise<number | undefined> {
    const { sagaName } = this.definition
    const [first] = (await this.#eventStore.readEvents({ aggregateType: sagaName, limit: 1 })).events
    if (first?.eventType !== 'SagaStarted') return undefined
    return (first.eventData as SagaEventData['SagaStarted']).event.position - 1
  }

  /** @returns an instance as it is in memory or in the store; `NotStarted` when there is none */
  async load(sagaId: string, options?: { readonly refresh?: boolean }): Promise<SagaInstance> {
    return (await this.#journal.load(sagaId, options)).state
  }

  /** @returns whether nobody knows yet what became of a command that the journal says was issued */
  async isPending(sagaId: string, commandId: string): Promise<boolean> {
    // What is in memory may be older than the journal: when another process had the saga meanwhile, the command may have been
    // refused, and must not be sent once more.
    const { pendingCommands } = await this.load(sagaId, { refresh: true })
    return pendingCommands.some((pending) => pending.commandId === commandId)
  }

  /** Tells of an event, once. One that neither starts the instance nor finds it there leaves no trace. */
  async takeEvent(sagaId: string, event: DomainEventEnvelope, isStart: boolean): Promise<void> {
    const { status, correlationId } = await this.load(sagaId)
    if (status === 'Completed' || status === 'Failed') return
    if (status === 'NotStarted' && !isStart) return
    const correlation = status === 'NotStarted' ? (event.metadata.correlationId ?? event.eventId) : correlationId
    await this.#take(sagaId, { kind: 'event', event }, correlation, event.eventId)
  }

  /** Tells what became of a command, once. */
  async takeOutcome(sagaId: string, outcome: CommandOutcome): Promise<void> {
    const { correlationId } = await this.load(sagaId)
    await this.#take(sagaId, { kind: 'outcome', outcome }, correlationId, `outcome:${outcome.commandId}`)
  }

  /** Tells that a deadline is reached, once. One that was cancelled meanwhile changes nothing. */
  async takeDeadline(sagaId: string, deadlineId: string): Promise<CommandAcknowledgment> {
    const { correlationId } = await this.load(sagaId)
    return this.#take(sagaId, { kind: 'deadline', deadlineId }, correlationId, `deadline:${deadlineId}`)
  }

  /** Does what an operator asks for. */
  async steer(
    sagaId: string,
    input: SagaInput & { readonly kind: 'retry' | 'cancel' },
  ): Promise<CommandAcknowledgment> {
    const { correlationId } = await this.load(sagaId, { refresh: true })
    return this.#take(sagaId, input, correlationId, undefined)
  }

  #take(
    sagaId: string,
    data: SagaInput,
    correlationId: string,
    commandId: string | undefined,
  ): Promise<CommandAcknowledgment> {
    return this.#handler.handle({
      commandType: takeInput,
      aggregateId: sagaId as never,
      data,
      ...(correlationId === '' ? undefined : { correlationId }),
      ...(commandId === undefined ? undefined : { commandId }),
    })
  }
}
