/** Runs a saga: brings events to its instances, and their commands to the aggregates. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { isCimError } from '../errors/cim-error.ts'
import { aggregateKey } from '../event-processing/dead-letter.ts'
import type {
  EventFailure,
  EventProcessor,
  ProcessContext,
  ProcessResult,
} from '../event-processing/event-processor.ts'
import type { ProgressSave, ProgressStore } from '../event-processing/progress-store.ts'
import { decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { subjectOf } from '../event-store/subject-pattern.ts'
import type { Command } from '../write-side/command.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import { KeyedQueue } from '../write-side/keyed-queue.ts'
import type { SagaEventData } from './saga-events.ts'
import type { SagaInbox } from './saga-inbox.ts'

/** Who sends the commands of a saga, as `authorize` is told. */
export interface SagaPrincipal {
  readonly sagaName: string
  readonly sagaId: string
}

/** What a {@link SagaProcessor} needs. */
export interface SagaProcessorOptions {
  readonly inbox: SagaInbox
  readonly progressStore: ProgressStore
  readonly dispatch: (command: Command, principal: SagaPrincipal) => Promise<CommandAcknowledgment>
  /** @returns the ids of all instances with this key that events before this one have started */
  readonly findByKey: (key: string, signal: AbortSignal) => Promise<readonly string[]>
  /** How many instances are at work at once; 256 when left out. */
  readonly concurrency?: number
}

/** They will be refused every time: the saga is to decide what now. */
const refusals = new Set([
  'validation',
  'unknown-command',
  'unauthenticated',
  'forbidden',
  'version-mismatch',
  'invalid-event',
  'payload-too-large',
])

/**
 * Handles the events that a saga is about, and the commands that its journal says were issued. Whatever comes again after a
 * crash changes nothing: events have ids, and commands have ids that were journaled before they were sent.
 */
export class SagaProcessor implements EventProcessor {
  readonly progressStore: ProgressStore
  readonly #inbox: SagaInbox
  readonly #dispatch: SagaProcessorOptions['dispatch']
  readonly #findByKey: SagaProcessorOptions['findByKey']
  readonly #concurrency: number

  constructor(options: SagaProcessorOptions) {
    checkOptions('SagaProcessor', options, ['inbox', 'progressStore', 'dispatch', 'findByKey', 'concurrency'])
    this.progressStore = options.progressStore
    this.#inbox = options.inbox
    this.#dispatch = options.dispatch
    this.#findByKey = options.findByKey
    this.#concurrency = checkWholeNumber('SagaProcessor', 'concurrency', options.concurrency ?? 256, { least: 1 })
  }

  get processorName(): string {
    return this.#inbox.definition.sagaName
  }

  get subjectPatterns(): readonly string[] {
    const { subjectPatterns, sagaName } = this.#inbox.definition
    return [...subjectPatterns, subjectOf(sagaName, 'CommandIssued')]
  }

  async getCheckpoint(): Promise<number> {
    return (await this.progressStore.readProgress(this.processorName))?.position ?? 0
  }

  /**
   * Each instance takes its events in the order of their positions, different ones side by side.
   * @throws what the event store threw, and the signal's reason when the processor stops: the batch then comes again
   */
  async process(events: readonly DomainEventEnvelope[], { signal }: ProcessContext): Promise<ProcessResult> {
    const lanes = new Lanes(this.#concurrency)
    const failures = new Map<string, EventFailure>()
    const attempt = async (event: DomainEventEnvelope, work: () => Promise<void>): Promise<void> => {
      const key = aggregateKey(event)
      if (signal.aborted || lanes.hasFailed || failures.has(key)) return
      try {
        await work()
      } catch (error) {
        if (signal.aborted || isOfTheStore(error)) throw error
        failures.set(key, { event, error })
      }
    }
    try {
      for (const event of events) {
        if (event.aggregateType === this.processorName) {
          await lanes.run(event.aggregateId, () => attempt(event, () => this.#send(event)))
        } else {
          await attempt(event, () => this.#spread(event, lanes, attempt, signal))
        }
      }
    } finally {
      await lanes.idle()
    }
    lanes.assertNoFailure()
    signal.throwIfAborted()
    return { unsavedEffects: events.length === 0 ? 0 : Number.POSITIVE_INFINITY, failures: [...failures.values()] }
  }

  saveCheckpoint(save: ProgressSave): Promise<void> {
    return this.progressStore.saveProgress(save)
  }

  /** Brings an event to each instance that it concerns. */
  async #spread(
    event: DomainEventEnvelope,
    lanes: Lanes,
    attempt: (event: DomainEventEnvelope, work: () => Promise<void>) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { definition } = this.#inbox
    const decoded = decodeEvent(event, definition.upcasters.get(event.aggregateType))
    const started = definition.startedBy(decoded)
    const { ids, keys } = definition.concernedBy(decoded)
    const all = new Set(ids)
    if (keys.length > 0) {
      // Those that an event before this one starts must be found too.
      await lanes.idle()
      for (const key of keys) for (const id of await this.#findByKey(key, signal)) all.add(id)
    }
    for (const id of all) {
      await lanes.run(id, () => attempt(event, () => this.#inbox.takeEvent(id, event, id === started)))
    }
  }

  async #send({ aggregateId: sagaId, eventData, metadata }: DomainEventEnvelope): Promise<void> {
    const { commandId, command } = eventData as SagaEventData['CommandIssued']
    if (!(await this.#inbox.isPending(sagaId, commandId))) return
    const { correlationId } = metadata
    const sent = { ...command, commandId, ...(correlationId === undefined ? undefined : { correlationId }) }
    await this.#inbox.takeOutcome(sagaId, await this.#outcomeOf(sent, commandId, sagaId))
  }

  async #outcomeOf(command: Command, commandId: string, sagaId: string) {
    try {
      const { reason, aggregateId, version, position } = await this.#dispatch(command, {
        sagaName: this.processorName,
        sagaId,
      })
      return reason === undefined ? { commandId, aggregateId, version, position } : { commandId, reason }
    } catch (error) {
      if (!isCimError(error) || !refusals.has(error.code)) throw error
      return { commandId, reason: { code: error.code, message: error.message } }
    }
  }
}

/** Not the event is to blame, but that nothing can be stored now. */
function isOfTheStore(error: unknown): boolean {
  return (
    isCimError(error) &&
    (error.code.startsWith('store-') || error.code === 'concurrency' || error.code === 'consistency-timeout')
  )
}

/** Runs work of one instance in order and that of different ones side by side, so many at once. */
class Lanes {
  readonly #queue = new KeyedQueue()
  readonly #most: number
  readonly #underWay = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(most: number) {
    this.#most = most
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /** @returns when it is queued: waits while too much is */
  async run(key: string, work: () => Promise<void>): Promise<void> {
    const done: Promise<void> = this.#queue
      .run(key, work)
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .then(() => {
        this.#underWay.delete(done)
      })
    this.#underWay.add(done)
    if (this.#underWay.size >= this.#most) await Promise.race(this.#underWay)
  }

  /** @returns when nothing is under way */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** @throws what the first work threw that did */
  assertNoFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
