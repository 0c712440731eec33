/** Decides what an input makes of a saga's instance: the events of its journal. Pure. */

import { InvalidDefinitionError } from '../errors/input-errors.ts'
import { decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { RejectionReason } from '../event-store/event-store.ts'
import { deriveUuid } from '../event-store/uuid.ts'
import type { Command } from '../write-side/command.ts'
import { type Rejection, reject } from '../write-side/decision.ts'
import { checkOutcome, dueAtOf } from './check-outcome.ts'
import type { SagaContext, SagaDefinition } from './saga.ts'
import {
  type CommandOutcome,
  type HeldInput,
  type PendingCommand,
  type PendingDeadline,
  refOf,
  type SagaEvent,
} from './saga-events.ts'
import { applySagaEvent, hasEnded, type SagaInstance } from './saga-instance.ts'
import type { SagaOutcome, SagaStep } from './saga-outcome.ts'

/** What an instance is told. */
export type SagaInput =
  | { readonly kind: 'event'; readonly event: DomainEventEnvelope }
  | { readonly kind: 'deadline'; readonly deadlineId: string }
  | { readonly kind: 'outcome'; readonly outcome: CommandOutcome }
  /** With the events that it holds. */
  | { readonly kind: 'retry'; readonly events: readonly DomainEventEnvelope[]; readonly by?: string }
  | { readonly kind: 'cancel'; readonly reason: string; readonly by?: string }

/** Circumstances of a decision. */
export interface InputContext extends SagaContext {
  /** The input's own id: the ids of what it causes are derived from it. */
  readonly inputId: string
}

/**
 * @param definition the saga
 * @param instance before the input
 * @param input what it is told
 * @param context time and ids
 * @returns the events that the journal gets, none when the input changes nothing; a rejection of what an operator asked for
 */
export function decideOnInput(
  definition: SagaDefinition,
  instance: SagaInstance,
  input: SagaInput,
  context: InputContext,
): readonly SagaEvent[] | Rejection {
  const decision = new SagaDecision(definition, instance, context)
  const rejection = decision.take(input)
  return rejection ?? decision.events
}

class SagaDecision {
  readonly events: SagaEvent[] = []
  #instance: SagaInstance
  readonly #definition: SagaDefinition
  readonly #context: InputContext

  constructor(definition: SagaDefinition, instance: SagaInstance, context: InputContext) {
    this.#definition = definition
    this.#instance = instance
    this.#context = context
  }

  take(input: SagaInput): Rejection | undefined {
    switch (input.kind) {
      case 'event':
        this.#takeEvent(input.event)
        return undefined
      case 'deadline': {
        const pending = this.#instance.deadlines.find(({ deadlineId }) => deadlineId === input.deadlineId)
        if (pending !== undefined) this.#takeDeadline(pending)
        return undefined
      }
      case 'outcome':
        this.#takeOutcome(input.outcome)
        return undefined
      case 'retry':
        return this.#retry(input.events, input.by)
      case 'cancel':
        return this.#cancel(input.reason, input.by)
    }
  }

  /** While the saga is stuck, its inputs wait. */
  #isHeld(input: HeldInput): boolean {
    if (this.#instance.status !== 'Stuck') return false
    this.#record({ eventType: 'InputHeld', data: { input } })
    return true
  }

  #record(event: SagaEvent): void {
    this.events.push(event)
    this.#instance = applySagaEvent(this.#instance, event)
  }

  #takeEvent(envelope: DomainEventEnvelope): void {
    const event = refOf(envelope)
    const { status, startedBy } = this.#instance
    if (status === 'Compensating' || hasEnded(this.#instance)) return
    // What happened before it began, though it comes only now, does not concern it.
    if (startedBy !== undefined && envelope.position < startedBy.position) return
    if (this.#isHeld({ kind: 'event', event })) return
    const decoded = decodeEvent(envelope, this.#definition.upcasters.get(envelope.aggregateType))
    if (status === 'NotStarted') {
      if (this.#definition.startedBy(decoded) !== this.#context.sagaId) return
      const correlationId = envelope.metadata.correlationId ?? envelope.eventId
      this.#record({ eventType: 'SagaStarted', data: { event, correlationId } })
    }
    this.#run(
      () => this.#definition.onEvent(this.#instance.state, decoded, this.#context),
      { kind: 'event', event },
      (change) => this.#record({ eventType: 'EventHandled', data: { event, ...change } }),
    )
  }

  #takeDeadline(deadline: PendingDeadline): void {
    const { deadlineId, name, dueAt, data } = deadline
    const input: HeldInput = { kind: 'deadline', deadline }
    if (this.#isHeld(input)) return
    this.#run(
      () => this.#definition.onDeadline(this.#instance.state, { name, dueAt, data }, this.#context) ?? {},
      input,
      (change) => this.#record({ eventType: 'DeadlineReached', data: { deadlineId, name, ...change } }),
    )
  }

  #takeOutcome(outcome: CommandOutcome): void {
    const pending = this.#instance.pendingCommands.find(({ commandId }) => commandId === outcome.commandId)
    if (pending === undefined) return
    const input: HeldInput = { kind: 'outcome', outcome }
    if (this.#isHeld(input)) return
    if (outcome.reason !== undefined) {
      this.#takeRejection(pending, outcome.reason, input)
      return
    }
    this.#recordAccepted(outcome)
    if (this.#instance.status === 'Compensating') this.#goOnCompensating(pending.compensates)
  }

  #takeRejection(
    { commandId, command, step, compensates }: PendingCommand,
    reason: RejectionReason,
    input: HeldInput,
  ): void {
    const rejected = { eventType: 'CommandRejected', data: { commandId, reason } } as const
    const { status } = this.#instance
    if (status === 'Running') {
      const refused = { command, reason, ...(step === undefined ? undefined : { step }) }
      this.#run(
        () => this.#definition.onRejected(this.#instance.state, refused, this.#context) ?? {},
        input,
        (change) => this.#record({ eventType: 'CommandRejected', data: { commandId, reason, ...change } }),
      )
      return
    }
    this.#record(rejected)
    if (status !== 'Compensating') return
    if (compensates !== undefined && !this.#definition.isCompensatedBy(compensates, reason.code)) {
      const message = `${command.commandType}, which compensates ${compensates}, was refused: ${reason.message} (${reason.code})`
      this.#stop({ kind: 'compensation', step: compensates, command }, { message })
      return
    }
    this.#goOnCompensating(compensates)
  }

  /** Runs a function of the saga; when it throws, nothing of it counts and the saga is stuck. */
  #run(
    handler: () => SagaOutcome | undefined,
    input: HeldInput,
    record: (change: { readonly state?: unknown; readonly keys?: readonly string[] }) => void,
  ): void {
    let outcome: SagaOutcome | undefined
    let keys: readonly string[] | undefined
    try {
      outcome = handler()
      if (outcome === undefined) return
      checkOutcome(this.#definition, outcome)
      keys = outcome.state === undefined ? undefined : this.#changedKeys(outcome.state)
    } catch (error) {
      this.#stop(input, describe(error))
      return
    }
    record({
      ...(outcome.state === undefined ? undefined : { state: outcome.state }),
      ...(keys === undefined ? undefined : { keys }),
    })
    this.#takeEffects(outcome)
  }

  #changedKeys(state: unknown): readonly string[] | undefined {
    const keys = this.#definition.keysOf(state)
    const { keys: before } = this.#instance
    return keys.length === before.length && keys.every((key, index) => key === before[index]) ? undefined : keys
  }

  #takeEffects({ commands = [], deadlines = [], cancelDeadlines = [], completed, failed }: SagaOutcome): void {
    for (const cancelled of cancelDeadlines) {
      const pending = this.#instance.deadlines.find(({ name }) => name === cancelled)
      if (pending === undefined) continue
      this.#record({ eventType: 'DeadlineCancelled', data: { deadlineId: pending.deadlineId, name: cancelled } })
    }
    for (const due of deadlines) {
      const data = { deadlineId: this.#nextId(), name: due.name, dueAt: dueAtOf(due, this.#context.now) }
      this.#record({
        eventType: 'DeadlineScheduled',
        data: due.data === undefined ? data : { ...data, data: due.data },
      })
    }
    for (const issued of commands) {
      if (isStep(issued)) this.#issue(issued.command, { step: issued.step })
      else this.#issue(issued, {})
    }
    if (completed === true) this.#record({ eventType: 'SagaCompleted', data: {} })
    if (failed !== undefined) this.#compensate(failed)
  }

  #issue(command: Command, purpose: Pick<PendingCommand, 'step' | 'compensates'>): void {
    const commandId = this.#nextId()
    this.#record({ eventType: 'CommandIssued', data: { commandId, command, ...purpose } })
  }

  #nextId(): string {
    const { sagaId, inputId } = this.#context
    return deriveUuid(`${this.#definition.sagaName} ${sagaId} ${this.#instance.issued}`, inputId)
  }

  #compensate(reason: RejectionReason): void {
    this.#record({ eventType: 'CompensationStarted', data: { reason } })
    this.#goOnCompensating(undefined)
  }

  /** Waits for every command under way: what is accepted meanwhile has to be compensated too. */
  #goOnCompensating(step: string | undefined): void {
    const { pendingCommands } = this.#instance
    if (step !== undefined && !pendingCommands.some(({ compensates }) => compensates === step)) {
      this.#record({ eventType: 'StepCompensated', data: { step } })
    }
    while (this.#instance.pendingCommands.length === 0) {
      const { doneSteps, state } = this.#instance
      const reason = this.#instance.failure ?? { code: 'failed', message: 'The saga has failed.' }
      const last = doneSteps.at(-1)
      if (last === undefined) {
        this.#record({ eventType: 'SagaFailed', data: { reason } })
        return
      }
      let commands: readonly Command[]
      try {
        commands = this.#definition.compensate(last, state, { ...this.#context, reason })
        checkOutcome(this.#definition, { commands })
      } catch (error) {
        this.#stop({ kind: 'compensation', step: last }, describe(error))
        return
      }
      for (const command of commands) this.#issue(command, { compensates: last })
      if (commands.length === 0) this.#record({ eventType: 'StepCompensated', data: { step: last } })
    }
  }

  #stop(input: HeldInput, error: { readonly message: string; readonly stack?: string }): void {
    const stuckWhile = this.#instance.status === 'Compensating' ? 'Compensating' : 'Running'
    this.#record({ eventType: 'SagaStuck', data: { input, error, stuckWhile } })
  }

  #recordAccepted({ commandId, aggregateId, version, position }: CommandOutcome): void {
    this.#record({
      eventType: 'CommandAccepted',
      data: {
        commandId,
        ...(aggregateId === undefined ? undefined : { aggregateId }),
        ...(version === undefined ? undefined : { version }),
        ...(position === undefined ? undefined : { position }),
      },
    })
  }

  #retry(events: readonly DomainEventEnvelope[], by: string | undefined): Rejection | undefined {
    const { status, held, stuckWhile: resumes = 'Running' } = this.#instance
    if (status !== 'Stuck') return reject('saga-not-stuck', `The saga is ${status}: only a stuck one can be retried.`)
    this.#record({ eventType: 'SagaRetried', data: by === undefined ? { resumes } : { resumes, by } })
    for (const input of held) this.#takeHeld(input, events)
    return undefined
  }

  #takeHeld(input: HeldInput, events: readonly DomainEventEnvelope[]): void {
    switch (input.kind) {
      case 'event': {
        const envelope = events.find(({ eventId }) => eventId === input.event.eventId)
        if (envelope === undefined) {
          throw new InvalidDefinitionError(
            `Saga ${this.#definition.sagaName} ${this.#context.sagaId}: the held event at position ${input.event.position} was not given. Give every event that it holds.`,
          )
        }
        this.#takeEvent(envelope)
        return
      }
      case 'deadline':
        if (this.#instance.status === 'Running' || this.#instance.status === 'Stuck') this.#takeDeadline(input.deadline)
        return
      case 'outcome':
        this.#takeOutcome(input.outcome)
        return
      case 'compensation':
        if (this.#instance.status !== 'Compensating') this.#record({ eventType: 'InputHeld', data: { input } })
        else if (input.command === undefined) this.#goOnCompensating(undefined)
        else this.#issue(input.command, { compensates: input.step })
    }
  }

  #cancel(reason: string, by: string | undefined): Rejection | undefined {
    const { status, stuckWhile, held } = this.#instance
    if (status === 'NotStarted') return reject('saga-not-started', 'There is no such saga. Check its name and its id.')
    if (status !== 'Running' && status !== 'Stuck') return reject('saga-not-running', `The saga is ${status} already.`)
    const data = stuckWhile === undefined ? { reason } : { reason, resumes: stuckWhile }
    this.#record({ eventType: 'SagaCancelled', data: by === undefined ? data : { ...data, by } })
    const [cause] = held
    if (stuckWhile === 'Compensating' && cause?.kind === 'compensation') {
      this.#record({ eventType: 'StepAbandoned', data: { step: cause.step } })
    } else {
      this.#record({ eventType: 'CompensationStarted', data: { reason: { code: 'cancelled', message: reason } } })
    }
    // What became of commands meanwhile says what there is to compensate; the other inputs are too late.
    for (const input of held) if (input.kind === 'outcome') this.#takeOutcome(input.outcome)
    if (this.#instance.status === 'Compensating') this.#goOnCompensating(undefined)
    return undefined
  }
}

function isStep(issued: Command | SagaStep): issued is SagaStep {
  return 'step' in issued
}

function describe(error: unknown): { readonly message: string; readonly stack?: string } {
  if (!(error instanceof Error)) return { message: String(error) }
  return error.stack === undefined ? { message: error.message } : { message: error.message, stack: error.stack }
}
