/** What a saga's instance is: the fold of its journal. */

import type { RejectionReason } from '../event-store/event-store.ts'
import type { EventRef, HeldInput, PendingCommand, PendingDeadline, SagaError, SagaEvent } from './saga-events.ts'

/**
 * `Stuck`: a function of the saga threw, or a compensation was refused. Its inputs wait until it is retried or cancelled.
 * `Failed`: every step that was done has been compensated.
 */
export type SagaStatus = 'NotStarted' | 'Running' | 'Stuck' | 'Compensating' | 'Completed' | 'Failed'

/** One instance of a saga. */
export interface SagaInstance<TState = unknown> {
  readonly status: SagaStatus
  /** What the saga's own functions made of its events. */
  readonly state: TState
  readonly keys: readonly string[]
  readonly startedBy: EventRef | undefined
  /** That of the event which started it; all that it causes inherits it. */
  readonly correlationId: string
  /** How many commands and deadlines there have been: numbers the next one. */
  readonly issued: number
  readonly pendingCommands: readonly PendingCommand[]
  readonly deadlines: readonly PendingDeadline[]
  /** Steps that were done and not compensated, in the order in which they were done. */
  readonly doneSteps: readonly string[]
  /** Why it fails or has failed. */
  readonly failure: RejectionReason | undefined
  /** Why it is stuck. */
  readonly error: SagaError | undefined
  /** What it was before it was stuck. */
  readonly stuckWhile: 'Running' | 'Compensating' | undefined
  /** The inputs that wait while it is stuck, in order; the first one is what made it stuck. */
  readonly held: readonly HeldInput[]
}

/** @returns an instance before its first event */
export function newInstance<TState>(initialState: TState): SagaInstance<TState> {
  return {
    status: 'NotStarted',
    state: initialState,
    keys: [],
    startedBy: undefined,
    correlationId: '',
    issued: 0,
    pendingCommands: [],
    deadlines: [],
    doneSteps: [],
    failure: undefined,
    error: undefined,
    stuckWhile: undefined,
    held: [],
  }
}

/** @returns whether nothing can happen to it any more */
export function hasEnded({ status }: Pick<SagaInstance, 'status'>): boolean {
  return status === 'Completed' || status === 'Failed'
}

/** @returns the instance after one event of its journal */
export function applySagaEvent(before: SagaInstance, { eventType, data }: SagaEvent): SagaInstance {
  const instance = 'state' in data || 'keys' in data ? { ...before, ...takeState(data) } : before
  switch (eventType) {
    case 'SagaStarted':
      return { ...instance, status: 'Running', startedBy: data.event, correlationId: data.correlationId }
    case 'EventHandled':
      return instance
    case 'CommandIssued': {
      const { commandId } = data
      const pending = instance.pendingCommands.filter((other) => other.commandId !== commandId)
      return { ...instance, issued: instance.issued + 1, pendingCommands: [...pending, data] }
    }
    case 'CommandAccepted': {
      const { pendingCommands } = instance
      const step = pendingCommands.find(({ commandId }) => commandId === data.commandId)?.step
      return {
        ...instance,
        pendingCommands: pendingCommands.filter(({ commandId }) => commandId !== data.commandId),
        doneSteps: step === undefined ? instance.doneSteps : [...instance.doneSteps, step],
      }
    }
    case 'CommandRejected': {
      const pendingCommands = instance.pendingCommands.filter(({ commandId }) => commandId !== data.commandId)
      return { ...instance, pendingCommands }
    }
    case 'DeadlineScheduled': {
      const others = instance.deadlines.filter(({ name }) => name !== data.name)
      return { ...instance, issued: instance.issued + 1, deadlines: [...others, data] }
    }
    case 'DeadlineCancelled':
    case 'DeadlineReached':
      return withoutDeadline(instance, data.deadlineId)
    case 'CompensationStarted':
      return { ...instance, status: 'Compensating', failure: data.reason, deadlines: [] }
    case 'StepCompensated':
    case 'StepAbandoned':
      return { ...instance, doneSteps: instance.doneSteps.toSpliced(instance.doneSteps.lastIndexOf(data.step), 1) }
    case 'SagaCompleted':
      return { ...instance, status: 'Completed', deadlines: [], keys: [] }
    case 'SagaFailed':
      return { ...instance, status: 'Failed', deadlines: [], keys: [] }
    case 'SagaStuck':
      return hold({ ...instance, status: 'Stuck', error: data.error, stuckWhile: data.stuckWhile }, data.input)
    case 'InputHeld':
      return hold(instance, data.input)
    case 'SagaRetried':
    case 'SagaCancelled':
      return { ...instance, status: data.resumes ?? instance.status, error: undefined, stuckWhile: undefined, held: [] }
  }
}

/** A deadline that was reached while the saga was stuck waits with the other inputs. */
function hold(instance: SagaInstance, input: HeldInput): SagaInstance {
  const held = [...instance.held, input]
  return input.kind === 'deadline'
    ? { ...withoutDeadline(instance, input.deadline.deadlineId), held }
    : { ...instance, held }
}

function withoutDeadline(instance: SagaInstance, deadlineId: string): SagaInstance {
  return { ...instance, deadlines: instance.deadlines.filter((other) => other.deadlineId !== deadlineId) }
}

function takeState(data: { readonly state?: unknown; readonly keys?: readonly string[] }): Partial<SagaInstance> {
  return {
    ...('state' in data ? { state: data.state } : undefined),
    ...(data.keys === undefined ? undefined : { keys: data.keys }),
  }
}
