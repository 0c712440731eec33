/** The sagas of an application: runs them, shows their instances, and lets operators retry and cancel. */

import { checkOptions } from '../errors/check-options.ts'
import { UnknownNameError } from '../errors/input-errors.ts'
import type { Clock } from '../event-processing/clock.ts'
import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { ProgressStore } from '../event-processing/progress-store.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { Signal } from '../event-store/signal.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import type { Command } from '../write-side/command.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import { DeadlineTimer } from './deadline-timer.ts'
import { InstanceReader, type ReadInstances, type SagaFilter } from './instance-reader.ts'
import type { SagaDefinition } from './saga.ts'
import type { HeldInput } from './saga-events.ts'
import { SagaInbox, type SagaInboxOptions } from './saga-inbox.ts'
import type { SagaInstance } from './saga-instance.ts'
import {
  defineSagaInstances,
  type SagaDocument,
  type SagaIndex,
  type SagaTotals,
  type SagaView,
} from './saga-instances.ts'
import { journalOf } from './saga-journal.ts'
import { type SagaPrincipal, SagaProcessor } from './saga-processor.ts'

/** What {@link Sagas} needs. */
export interface SagasOptions {
  readonly eventStore: EventStore
  readonly sagas: readonly SagaDefinition[]
  readonly progressStore: ProgressStore
  /** How the journals are loaded and decided on. */
  readonly journals: Omit<SagaInboxOptions, 'definition' | 'eventStore'>
  readonly dispatch: (command: Command, principal: SagaPrincipal) => Promise<CommandAcknowledgment>
  readonly createRunner: (processor: SagaProcessor, start: Pick<SagaDefinition, 'startAt'>) => ProcessorRunner
  /** Reads the view of instances when it has seen a position. */
  readonly readInstances: (
    projection: ProjectionDefinition<SagaDocument, SagaIndex>,
    consistency: Parameters<ReadInstances>[0],
  ) => ReturnType<ReadInstances>
  /** Notified when views have changed. */
  readonly viewsChanged: Signal
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** A saga's numbers. */
export interface SagaOverview extends SagaTotals {
  /** Deadlines that were reached since this process has started. */
  readonly deadlinesReached: number
}

interface RunningSaga {
  readonly definition: SagaDefinition
  readonly inbox: SagaInbox
  readonly runner: ProcessorRunner
  readonly timer: DeadlineTimer
}

const mostRetriedAtOnce = 500

/** Owns the runner and the timer of each saga. */
export class Sagas {
  /** Keeps the view of instances; undefined when there are no sagas. */
  readonly projection: ProjectionDefinition<SagaDocument, SagaIndex> | undefined
  /** Each saga's journal, for looking at its past. */
  readonly journals: readonly AggregateDefinition<string, SagaInstance>[]
  readonly #sagas: ReadonlyMap<string, RunningSaga>
  readonly #instances: InstanceReader
  readonly #options: SagasOptions

  constructor(options: SagasOptions) {
    this.#options = options
    this.journals = options.sagas.map((definition) => journalOf(definition))
    this.projection = options.sagas.length === 0 ? undefined : defineSagaInstances(this.journals)
    this.#instances = new InstanceReader((consistency) => {
      if (this.projection === undefined) throw new UnknownNameError('unknown-saga', 'any', [])
      return options.readInstances(this.projection, consistency)
    })
    this.#sagas = new Map(options.sagas.map((definition) => [definition.sagaName, this.#create(definition)]))
  }

  get runners(): readonly ProcessorRunner[] {
    return [...this.#sagas.values()].map(({ runner }) => runner)
  }

  async start(): Promise<void> {
    for (const { runner, timer } of this.#sagas.values()) {
      await runner.start()
      timer.start()
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sagas.values()].flatMap(({ runner, timer }) => [runner.stop(), timer.stop()]))
  }

  #create(definition: SagaDefinition): RunningSaga {
    const { eventStore, progressStore, dispatch, createRunner, viewsChanged, clock, onError, journals } = this.#options
    const { sagaName, startAt } = definition
    const inbox = new SagaInbox({ ...journals, definition, eventStore })
    const runner = createRunner(
      new SagaProcessor({
        inbox,
        progressStore,
        dispatch,
        findByKey: async (key, signal) =>
          this.#instances.idsByKey(sagaName, key, await eventStore.headPosition(), signal),
      }),
      { startAt },
    )
    const timer = new DeadlineTimer({
      clock,
      changed: viewsChanged,
      onError,
      findDue: async (time, afterPosition, signal) => {
        const isInCharge = () => runner.status.state === 'running'
        if (!isInCharge()) return { due: [], next: undefined }
        const found = await this.#instances.due(sagaName, time, afterPosition, signal)
        if (found.due.length === 0) return found
        // What happened before a deadline comes before it, also after a time in which nothing ran: it may cancel it.
        await runner.drain({ signal })
        return isInCharge() ? found : { due: [], next: undefined }
      },
      reach: async ({ sagaId, deadlineId }) => (await inbox.takeDeadline(sagaId, deadlineId)).position,
    })
    return { definition, inbox, runner, timer }
  }

  /** @returns how many instances each saga has, by status */
  async overview(): Promise<readonly SagaOverview[]> {
    if (this.#sagas.size === 0) return []
    const totals = await this.#instances.totals([...this.#sagas.keys()])
    return totals.map((one) => ({ ...one, deadlinesReached: this.#sagaOf(one.sagaName).timer.reached }))
  }

  /**
   * @returns instances of a saga; with a status those that have been quiet for longest first, otherwise by status
   * @throws {UnknownNameError} when there is no such saga
   * @throws {InvalidOptionError} when `quietSince` is given without a status
   * @throws {ValidationError} when `quietSince` is no time
   */
  async find(filter: SagaFilter): Promise<readonly SagaView[]> {
    checkOptions('find', filter, ['sagaName', 'status', 'quietSince', 'after', 'limit'])
    this.#sagaOf(filter.sagaName)
    return this.#instances.find(filter)
  }

  /**
   * @returns an instance as the view shows it, undefined when there is none
   * @throws {UnknownNameError} when there is no such saga
   */
  async get(sagaName: string, sagaId: string): Promise<SagaView | undefined> {
    this.#sagaOf(sagaName)
    return this.#instances.get(sagaName, sagaId)
  }

  /** @returns the events of an instance's journal, from the first one on, at most 1,000 */
  async timeline(sagaName: string, sagaId: string, fromVersion = 1): Promise<readonly DomainEventEnvelope[]> {
    this.#sagaOf(sagaName)
    const aggregate = { aggregateType: sagaName, aggregateId: sagaId }
    return this.#options.eventStore.loadEvents(aggregate, { fromVersion, limit: 1000 })
  }

  /**
   * Lets a stuck instance take its inputs again, in order.
   * @param by who asks for it
   * @returns Rejected when it is not stuck
   */
  async retry(sagaName: string, sagaId: string, by?: string): Promise<CommandAcknowledgment> {
    const { inbox } = this.#sagaOf(sagaName)
    for (;;) {
      const { held } = await inbox.load(sagaId, { refresh: true })
      const events = await this.#eventsOf(held.slice(0, mostRetriedAtOnce))
      const acknowledgment = await inbox.steer(sagaId, {
        kind: 'retry',
        events,
        ...(by === undefined ? undefined : { by }),
      })
      const { error } = await inbox.load(sagaId)
      if (acknowledgment.status === 'Rejected' || error?.isUnfinishedRetry !== true) return acknowledgment
    }
  }

  async #eventsOf(held: readonly HeldInput[]): Promise<readonly DomainEventEnvelope[]> {
    const events: DomainEventEnvelope[] = []
    for (const input of held) {
      if (input.kind !== 'event') continue
      const page = await this.#options.eventStore.readEvents({ afterPosition: input.event.position - 1, limit: 1 })
      events.push(...page.events)
    }
    return events
  }

  /**
   * Ends an instance: what it has done is compensated in reverse order. Of one that is stuck in a compensation, the step that
   * could not be compensated is left as it is.
   * @returns Rejected when it is not running, or stuck
   */
  async cancel(sagaName: string, sagaId: string, reason: string, by?: string): Promise<CommandAcknowledgment> {
    const { inbox } = this.#sagaOf(sagaName)
    return inbox.steer(sagaId, by === undefined ? { kind: 'cancel', reason } : { kind: 'cancel', reason, by })
  }

  #sagaOf(sagaName: string): RunningSaga {
    const saga = this.#sagas.get(sagaName)
    if (saga === undefined) throw new UnknownNameError('unknown-saga', sagaName, this.#sagas.keys())
    return saga
  }
}
