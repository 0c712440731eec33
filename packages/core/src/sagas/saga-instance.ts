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

/** Raise it when {@link applySagaEvent} makes another instance of the same events: snapshots and the view are then made anew. */
export const instanceVersion = 1

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

/** @returns whether it takes back what it has done, or is stuck while it does */
export function isCompensating({ status, stuckWhile }: Pick<SagaInstance, 'status' | 'stuckWhile'>): boolean {
  return status === 'Compensating' || stuckWhile === 'Compensating'
}

/** @returns the deadlines that have not been handled, also those that were reached while it is stuck */
export function pendingDeadlines({ deadlines, held }: SagaInstance): readonly PendingDeadline[] {
  return [...deadlines, ...held.flatMap((input) => (input.kind === 'deadline' ? [input.deadline] : []))]
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
      const others = without(instance, ({ name }) => name === data.name)
      return { ...others, issued: instance.issued + 1, deadlines: [...others.deadlines, data] }
    }
    case 'DeadlineCancelled':
    case 'DeadlineReached':
      return without(instance, ({ deadlineId }) => deadlineId === data.deadlineId)
    case 'CompensationStarted':
      return { ...instance, status: 'Compensating', failure: data.reason, deadlines: [] }
    case 'StepCompensated':
      return withoutStep(instance, data.step)
    case 'StepAbandoned': {
      // What becomes of the commands that were to take it back does not matter any more.
      const pendingCommands = instance.pendingCommands.map(({ compensates, ...pending }) =>
        compensates === undefined || compensates === data.step ? pending : { ...pending, compensates },
      )
      return { ...withoutStep(instance, data.step), pendingCommands }
    }
    case 'SagaCompleted':
      return { ...instance, status: 'Completed', deadlines: [], keys: [], held: [] }
    case 'SagaFailed':
      return { ...instance, status: 'Failed', deadlines: [], keys: [], held: [] }
    case 'SagaStuck': {
      const stuck = { ...instance, status: 'Stuck', error: data.error, stuckWhile: data.stuckWhile } as const
      if (data.input === undefined) return stuck
      const { held, ...rest } = holding(stuck, data.input)
      return { ...rest, held: [data.input, ...held] }
    }
    case 'InputHeld': {
      const { held, ...rest } = holding(instance, data.input)
      return { ...rest, held: [...held, data.input] }
    }
    case 'SagaRetried': {
      // A deadline among them is pending again until it is taken: what comes before it may cancel it.
      const deadlines = pendingDeadlines({ ...instance, held: instance.held.slice(0, data.taken) })
      const held = instance.held.slice(data.taken)
      return { ...instance, deadlines, held, status: data.resumes, error: undefined, stuckWhile: undefined }
    }
    case 'SagaCancelled':
      return { ...instance, status: data.resumes ?? instance.status, error: undefined, stuckWhile: undefined, held: [] }
  }
}

/** A deadline that was reached while the saga was stuck waits with the other inputs. */
function holding(instance: SagaInstance, input: HeldInput): SagaInstance {
  return input.kind === 'deadline'
    ? without(instance, ({ deadlineId }) => deadlineId === input.deadline.deadlineId)
    : instance
}

/** Deadlines are pending, or wait with the other inputs. */
function without(instance: SagaInstance, isOff: (deadline: PendingDeadline) => boolean): SagaInstance {
  return {
    ...instance,
    deadlines: instance.deadlines.filter((deadline) => !isOff(deadline)),
    held: instance.held.filter((input) => input.kind !== 'deadline' || !isOff(input.deadline)),
  }
}

function withoutStep(instance: SagaInstance, step: string): SagaInstance {
  const last = instance.doneSteps.lastIndexOf(step)
  return last < 0 ? instance : { ...instance, doneSteps: instance.doneSteps.toSpliced(last, 1) }
}

function takeState(data: { readonly state?: unknown; readonly keys?: readonly string[] }): Partial<SagaInstance> {
  return {
    ...('state' in data ? { state: data.state } : undefined),
    ...(data.keys === undefined ? undefined : { keys: data.keys }),
  }
}
