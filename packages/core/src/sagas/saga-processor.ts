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
import { deepFreeze } from '../event-store/freeze.ts'
import { subjectOf } from '../event-store/subject-pattern.ts'
import type { Command } from '../write-side/command.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import { InstanceLanes } from './instance-lanes.ts'
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

  /** The first event of a journal tells, whatever has become of the processor's progress. */
  hasBegunAfter(): Promise<number | undefined> {
    return this.#inbox.hasBegunAfter()
  }

  /**
   * Each instance takes its events in the order of their positions, different ones side by side. When the processor stops, no
   * event is begun any more; those in progress end, and whatever was left comes again.
   * @throws what a store threw, when no event is to blame: the batch then comes again
   */
  async process(events: readonly DomainEventEnvelope[], { signal }: ProcessContext): Promise<ProcessResult> {
    const attempts = new Attempts(signal)
    const lanes = new InstanceLanes(this.#concurrency)
    try {
      for (const event of events) {
        if (lanes.hasFailed) break
        if (event.aggregateType === this.processorName) {
          await lanes.run(event.aggregateId, () => attempts.make(event, () => this.#send(event)))
        } else {
          await attempts.make(event, () => this.#spread(event, lanes, attempts, signal))
        }
      }
    } finally {
      await lanes.idle()
    }
    lanes.assertNoFailure()
    return attempts.result(events)
  }

  saveCheckpoint(save: ProgressSave): Promise<void> {
    return this.progressStore.saveProgress(save)
  }

  /** Brings an event to each instance that it concerns. */
  async #spread(
    event: DomainEventEnvelope,
    lanes: InstanceLanes,
    attempts: Attempts,
    signal: AbortSignal,
  ): Promise<void> {
    const { definition } = this.#inbox
    const decoded = deepFreeze(decodeEvent(event, definition.upcasters.get(event.aggregateType)))
    const started = definition.startedBy(decoded)
    const { ids, keys } = definition.concernedBy(decoded)
    const all = new Set(ids)
    if (keys.length > 0) {
      // Those that an event before this one starts must be found too.
      await lanes.idle()
      for (const id of await this.#find(keys, signal)) all.add(id)
    }
    for (const id of all) {
      await lanes.run(id, () => attempts.make(event, () => this.#inbox.takeEvent(id, event, id === started)))
    }
  }

  async #find(keys: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const found: string[] = []
    try {
      for (const key of keys) found.push(...(await this.#findByKey(key, signal)))
    } catch (error) {
      throw new LookUpFailure(error)
    }
    return found
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

/** The view of instances could not be asked. */
class LookUpFailure {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/** What became of the events of one batch. An event is attempted once for each instance that it concerns. */
class Attempts {
  readonly #signal: AbortSignal
  readonly #failures = new Map<string, EventFailure>()
  #firstLeft = Number.POSITIVE_INFINITY

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** @throws what made the work fail, when no event is to blame */
  async make(event: DomainEventEnvelope, work: () => Promise<void>): Promise<void> {
    // An event before it may fail later than one after it, and is tried nevertheless.
    if (this.#failureBefore(event) !== undefined) return
    if (this.#signal.aborted) return this.#leave(event)
    try {
      await work()
    } catch (error) {
      if (this.#signal.aborted) return this.#leave(event)
      if (error instanceof LookUpFailure) throw error.error
      if (isOfTheStore(error)) throw error
      if (this.#failureBefore(event) === undefined) this.#failures.set(aggregateKey(event), { event, error })
    }
  }

  /** Only once nothing is under way any more. */
  result(events: readonly DomainEventEnvelope[]): ProcessResult {
    const unsavedEffects = events.length === 0 ? 0 : Number.POSITIVE_INFINITY
    const failures = [...this.#failures.values()]
    if (this.#firstLeft === Number.POSITIVE_INFINITY) return { unsavedEffects, failures }
    const handledUntil = this.#firstLeft - 1
    return { unsavedEffects, failures: failures.filter(({ event }) => event.position <= handledUntil), handledUntil }
  }

  #failureBefore(event: DomainEventEnvelope): EventFailure | undefined {
    const failure = this.#failures.get(aggregateKey(event))
    return failure !== undefined && failure.event.position < event.position ? failure : undefined
  }

  #leave({ position }: DomainEventEnvelope): void {
    this.#firstLeft = Math.min(this.#firstLeft, position)
  }
}

/** Codes of errors that are not about one event, and will pass. */
const passing = new Set([
  'store-closed',
  'store-locked',
  'store-full',
  'store-unavailable',
  'store-version',
  'concurrency',
  'application-stopped',
])

/** Not the event is to blame, but that nothing can be stored now. A damaged aggregate concerns its own events alone. */
function isOfTheStore(error: unknown): boolean {
  return isCimError(error) && passing.has(error.code)
}
