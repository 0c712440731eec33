/** Runs the decisions of one instance of a saga, with its commands answered for it. */

import {
  applySagaEvent,
  type Command,
  type DomainEvent,
  type DomainEventEnvelope,
  decideOnInput,
  decodeEvent,
  deepFreeze,
  encodeJson,
  isRejection,
  newInstance,
  type PendingCommand,
  type RejectionReason,
  type SagaDefinition,
  type SagaEvent,
  type SagaInput,
  type SagaInstance,
  subjectMatcher,
} from '@cim/core'
import type { PastEvent } from './past-event.ts'
import { ScenarioError, show } from './scenario-error.ts'

/** An instance, and all that it was told. Never changed: each step gives a new one. */
export interface SagaRun {
  readonly definition: SagaDefinition
  readonly instance: SagaInstance
  /** Undefined before the event that starts it. */
  readonly sagaId: string | undefined
  /** Milliseconds since 1970. */
  readonly time: number
  readonly events: readonly DomainEventEnvelope[]
  /** Types of commands that are answered only when the scenario says so. */
  readonly underWay: readonly string[]
  /** When each deadline was scheduled, by its id. */
  readonly scheduledAt: ReadonlyMap<string, number>
  readonly inputCount: number
}

/** What a step has led to. */
export interface SagaStepResult {
  readonly run: SagaRun
  /** What the journal got. */
  readonly journal: readonly SagaEvent[]
}

/** Which command is meant: the first one of this type that nobody has answered, and for which the function says yes. */
export interface CommandChoice {
  readonly commandType: string
  readonly where?: (command: Command) => boolean
}

/** @returns a run that was told nothing yet */
export function newRun(
  definition: SagaDefinition,
  options: { readonly sagaId: string | undefined; readonly now: string; readonly underWay: readonly string[] },
): SagaRun {
  return {
    definition,
    instance: deepFreeze(newInstance(definition.initialState)),
    sagaId: options.sagaId,
    time: Date.parse(options.now),
    events: [],
    underWay: options.underWay,
    scheduledAt: new Map(),
    inputCount: 0,
  }
}

/** @returns the run with what the instance has decided on an input, as the runtime decides @throws {ScenarioError} when it is refused */
export function tell(run: SagaRun, scenario: string, input: SagaInput): SagaStepResult {
  const { definition, time, sagaId = '' } = run
  const inputId = input.kind === 'event' ? input.event.eventId : `input-${run.inputCount + 1}`
  const context = { now: new Date(time).toISOString(), sagaId, inputId }
  const decision = decideOnInput(definition, run.instance, input, context)
  if (isRejection(decision as never)) {
    const { rejected } = decision as { readonly rejected: RejectionReason }
    throw new ScenarioError(`${scenario}: ${rejected.message} (${rejected.code})`, undefined, run.instance)
  }
  const scheduledAt = new Map(run.scheduledAt)
  let { instance } = run
  const journal = (decision as readonly SagaEvent[]).map((decided) => {
    // As it is stored: without properties that are undefined.
    const event = deepFreeze(encodeJson(decided).value) as SagaEvent
    instance = deepFreeze(applySagaEvent(instance, event))
    if (event.eventType === 'DeadlineScheduled') scheduledAt.set(event.data.deadlineId, time)
    return event
  })
  return { run: { ...run, instance, scheduledAt, inputCount: run.inputCount + 1 }, journal }
}

/** An event that was stored. */
export interface StoredEvent {
  /** Its time is that of the event. */
  readonly run: SagaRun
  readonly envelope: DomainEventEnvelope
  /** Whether the runtime would bring it to the instance. */
  readonly isConcerned: boolean
}

/** @throws {ScenarioError} when a function of the saga throws that says which instance is concerned */
export function store(run: SagaRun, scenario: string, past: PastEvent): StoredEvent {
  const { aggregateType, aggregateId, timestamp, event } = past
  const time = timestamp === undefined ? run.time : Math.max(run.time, Date.parse(timestamp))
  const position = run.events.length + 1
  const isOfSame = (other: DomainEventEnvelope): boolean =>
    other.aggregateType === aggregateType && other.aggregateId === aggregateId
  const envelope: DomainEventEnvelope = deepFreeze({
    ...{ eventId: `event-${position}`, aggregateType, aggregateId, position },
    sequence: run.events.filter(isOfSame).length + 1,
    eventType: event.eventType,
    schemaVersion: event.schemaVersion ?? 1,
    eventData: encodeJson(event.eventData ?? null).value,
    metadata: event.metadata ?? {},
    timestamp: new Date(time).toISOString(),
  })
  const { sagaId, isConcerned } = addressed(run, scenario, envelope)
  return { run: { ...run, sagaId, time, events: [...run.events, envelope] }, envelope, isConcerned }
}

function addressed(run: SagaRun, scenario: string, envelope: DomainEventEnvelope) {
  const { definition, instance } = run
  const { subjectPatterns, upcasters, sagaName } = definition
  const isWanted = subjectMatcher(subjectPatterns)(envelope.aggregateType, envelope.eventType)
  if (!isWanted) return { sagaId: run.sagaId, isConcerned: false }
  let event: DomainEvent
  let started: string | undefined
  let concerned: ReturnType<SagaDefinition['concernedBy']>
  try {
    event = decodeEvent(envelope, upcasters.get(envelope.aggregateType))
    started = definition.startedBy(event)
    concerned = definition.concernedBy(event)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new ScenarioError(`${scenario}: nobody can say which ${sagaName} it concerns: ${message}`, undefined, error)
  }
  const sagaId = run.sagaId ?? started
  if (instance.status === 'NotStarted') return { sagaId, isConcerned: sagaId !== undefined && started === sagaId }
  const isKnown = concerned.keys.some((key) => instance.keys.includes(key))
  return { sagaId, isConcerned: isKnown || concerned.ids.some((id) => id === sagaId) }
}

/** @returns the run with every command accepted that is not to be left under way, and every one that follows from that */
export function answerAll(run: SagaRun, scenario: string): SagaStepResult {
  let answered: SagaStepResult = { run, journal: [] }
  for (;;) {
    const pending = unanswered(answered.run).find(({ command }) => !run.underWay.includes(command.commandType))
    if (pending === undefined) return answered
    answered = joined(answered, (before) => tell(before, scenario, accepted(before, pending)))
  }
}

/**
 * Answers one command; those that were issued before it are accepted.
 * @param reason why it is refused; accepted when left out
 * @throws {ScenarioError} when there is no such command
 */
export function answer(
  run: SagaRun,
  scenario: string,
  { commandType, where = () => true }: CommandChoice,
  reason?: RejectionReason,
): SagaStepResult {
  for (let before = run; ; ) {
    const pending = unanswered(before)
    const chosen = pending.find(({ command }) => command.commandType === commandType && where(command))
    const first = pending.find((one) => one === chosen || !run.underWay.includes(one.command.commandType))
    if (first === undefined) {
      const issued = unanswered(run).map(({ command }) => command)
      throw new ScenarioError(
        `${scenario}: expected a command ${commandType} that nobody has answered, there are ${show(issued)}.`,
        commandType,
        issued,
      )
    }
    if (first !== chosen) before = tell(before, scenario, accepted(before, first)).run
    else if (reason === undefined) return tell(before, scenario, accepted(before, first))
    else return tell(before, scenario, { kind: 'outcome', outcome: { commandId: first.commandId, reason } })
  }
}

/** @returns two steps as one */
export function joined({ run, journal }: SagaStepResult, next: (run: SagaRun) => SagaStepResult): SagaStepResult {
  const following = next(run)
  return { run: following.run, journal: [...journal, ...following.journal] }
}

/** An answer that came while the saga is stuck waits there: it was given. */
function unanswered({ instance: { pendingCommands, held } }: SagaRun): readonly PendingCommand[] {
  return pendingCommands.filter(
    ({ commandId }) => !held.some((input) => input.kind === 'outcome' && input.outcome.commandId === commandId),
  )
}

function accepted({ events }: SagaRun, { commandId, command }: PendingCommand): SagaInput {
  const aggregateId = command.aggregateId ?? `aggregate-of-${commandId}`
  return { kind: 'outcome', outcome: { commandId, aggregateId, version: 1, position: events.length } }
}
