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
import type { ReadModel } from '../read-side/read-model.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import type { Command } from '../write-side/command.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import { DeadlineTimer, type DueDeadline } from './deadline-timer.ts'
import type { SagaDefinition } from './saga.ts'
import { SagaInbox, type SagaInboxOptions } from './saga-inbox.ts'
import type { SagaInstance } from './saga-instance.ts'
import {
  type CountedStatus,
  defineSagaInstances,
  dueValue,
  keyValue,
  type SagaDocument,
  type SagaIndex,
  type SagaTotals,
  type SagaView,
  sagaViewId,
  statusPrefix,
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
  readonly createRunner: (processor: SagaProcessor) => ProcessorRunner
  /** Reads the view of instances when it has seen a position. */
  readonly readInstances: (
    projection: ProjectionDefinition<SagaDocument, SagaIndex>,
    consistency: { readonly afterPosition: number; readonly waitMs: number; readonly signal?: AbortSignal },
  ) => ReadModel<SagaDocument, SagaIndex>
  /** Notified when views have changed. */
  readonly viewsChanged: Signal
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Which instances to list. */
export interface SagaFilter {
  readonly sagaName: string
  readonly status?: CountedStatus
  /** Only instances to which nothing has happened since this time, ISO-8601 in UTC. Needs a status. */
  readonly quietSince?: string
  /** Go on after this instance, the last one of the page before. */
  readonly after?: Pick<SagaView, 'sagaId' | 'status' | 'updatedAt'>
  /** 1 to 1,000; 100 when left out. */
  readonly limit?: number
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

/** How long a saga waits for the view of instances before it tries again. */
const viewWaitMs = 10_000
const dueAtOnce = 500

/** Owns the runner and the timer of each saga. */
export class Sagas {
  /** Keeps the view of instances; undefined when there are no sagas. */
  readonly projection: ProjectionDefinition<SagaDocument, SagaIndex> | undefined
  /** Each saga's journal, for looking at its past. */
  readonly journals: readonly AggregateDefinition<string, SagaInstance>[]
  readonly #sagas: ReadonlyMap<string, RunningSaga>
  readonly #options: SagasOptions

  constructor(options: SagasOptions) {
    this.#options = options
    this.journals = options.sagas.map(journalOf)
    this.projection = options.sagas.length === 0 ? undefined : defineSagaInstances(this.journals)
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
    const { sagaName } = definition
    const inbox = new SagaInbox({ ...journals, definition, eventStore })
    const runner = createRunner(
      new SagaProcessor({
        inbox,
        progressStore,
        dispatch,
        findByKey: async (key, signal) => this.#findByKey(sagaName, key, await eventStore.headPosition(), signal),
      }),
    )
    const timer = new DeadlineTimer({
      clock,
      changed: viewsChanged,
      onError,
      findDue: async (time, afterPosition, signal) =>
        runner.status.state === 'running'
          ? this.#findDue(sagaName, time, afterPosition, signal)
          : { due: [], next: undefined },
      reach: async ({ sagaId, deadlineId }) => (await inbox.takeDeadline(sagaId, deadlineId)).position,
    })
    return { definition, inbox, runner, timer }
  }

  async #findByKey(
    sagaName: string,
    key: string,
    afterPosition: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const instances = this.#read({ afterPosition, waitMs: viewWaitMs, signal })
    const equals = keyValue(sagaName, key)
    const ids: string[] = []
    for (let after: { readonly value: string; readonly id: string } | undefined; ; ) {
      const rows = await instances.findRows('key', {
        equals,
        limit: 1000,
        ...(after === undefined ? undefined : { after }),
      })
      for (const { id, view } of rows) {
        ids.push((view as SagaView).sagaId)
        after = { value: equals, id }
      }
      if (rows.length < 1000) return ids
    }
  }

  async #findDue(sagaName: string, time: number, afterPosition: number, signal: AbortSignal) {
    const instances = this.#read({ afterPosition, waitMs: viewWaitMs, signal })
    const after = dueValue(sagaName, new Date(time + 1).toISOString())
    const rows = await instances.findRows('dueAt', { from: dueValue(sagaName, ''), before: after, limit: dueAtOnce })
    const due = new Map<string, DueDeadline>()
    for (const { view } of rows as readonly { readonly view: SagaView }[]) {
      for (const { deadlineId, dueAt } of view.deadlines) {
        if (Date.parse(dueAt) <= time) due.set(deadlineId, { sagaId: view.sagaId, deadlineId })
      }
    }
    const [next] = await instances.findRows('dueAt', { from: after, before: dueValue(sagaName, '~'), limit: 1 })
    return {
      due: [...due.values()],
      next: next === undefined ? undefined : Date.parse(String(next.value).slice(sagaName.length + 1)),
    }
  }

  #read(consistency: {
    readonly afterPosition: number
    readonly waitMs: number
    readonly signal?: AbortSignal
  }): ReadModel<SagaDocument, SagaIndex> {
    if (this.projection === undefined) throw new UnknownNameError('unknown-saga', 'any', [])
    return this.#options.readInstances(this.projection, consistency)
  }

  /** @returns how many instances each saga has, by status */
  async overview(): Promise<readonly SagaOverview[]> {
    if (this.projection === undefined) return []
    const documents = await this.#read(anyState).getMany([...this.#sagas.keys()])
    const totals = new Map((documents as readonly SagaTotals[]).map((document) => [document.sagaName, document.totals]))
    return [...this.#sagas].map(([sagaName, { timer }]) => ({
      sagaName,
      totals: totals.get(sagaName) ?? noTotals,
      deadlinesReached: timer.reached,
    }))
  }

  /**
   * @returns instances of a saga; with a status those that have been quiet for longest first, otherwise by status
   * @throws {UnknownNameError} when there is no such saga
   */
  async find(filter: SagaFilter): Promise<readonly SagaView[]> {
    checkOptions('find', filter, ['sagaName', 'status', 'quietSince', 'after', 'limit'])
    const { sagaName, status, quietSince, after, limit = 100 } = filter
    this.#sagaOf(sagaName)
    const prefix = status === undefined ? `${sagaName} ` : statusPrefix(sagaName, status)
    const range = quietSince === undefined ? { prefix } : { from: prefix, before: prefix + quietSince }
    const rows = await this.#read(anyState).find('status', {
      ...range,
      limit,
      ...(after === undefined
        ? undefined
        : {
            after: {
              value: statusPrefix(sagaName, after.status) + after.updatedAt,
              id: sagaViewId(sagaName, after.sagaId),
            },
          }),
    })
    return rows as readonly SagaView[]
  }

  /**
   * @returns an instance as the view shows it, undefined when there is none
   * @throws {UnknownNameError} when there is no such saga
   */
  async get(sagaName: string, sagaId: string): Promise<SagaView | undefined> {
    this.#sagaOf(sagaName)
    return (await this.#read(anyState).get(sagaViewId(sagaName, sagaId))) as SagaView | undefined
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
    const { held } = await inbox.load(sagaId, { refresh: true })
    const events: DomainEventEnvelope[] = []
    for (const input of held) {
      if (input.kind !== 'event') continue
      const page = await this.#options.eventStore.readEvents({ afterPosition: input.event.position - 1, limit: 1 })
      events.push(...page.events)
    }
    return inbox.steer(sagaId, by === undefined ? { kind: 'retry', events } : { kind: 'retry', events, by })
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

const anyState = { afterPosition: 0, waitMs: 0 }
const noTotals: SagaTotals['totals'] = { Running: 0, Stuck: 0, Compensating: 0, Completed: 0, Failed: 0 }
