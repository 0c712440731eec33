/** The events of a saga's journal. They are stored like all others, with the saga's name as their aggregate type. */

import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { RejectionReason } from '../event-store/event-store.ts'
import type { Command } from '../write-side/command.ts'

/** Names a stored event. */
export interface EventRef {
  readonly eventId: string
  readonly eventType: string
  readonly aggregateType: string
  readonly aggregateId: string
  readonly position: number
}

/** A command that was issued, and of which nobody knows yet what became of it. */
export interface PendingCommand {
  readonly commandId: string
  readonly command: Command
  readonly step?: string
  /** The step that it takes back. */
  readonly compensates?: string
}

/** A deadline that has not been reached yet. */
export interface PendingDeadline {
  readonly deadlineId: string
  readonly name: string
  /** ISO-8601 in UTC. */
  readonly dueAt: string
  readonly data?: unknown
}

/** What became of a command that a saga issued. */
export interface CommandOutcome {
  readonly commandId: string
  /** Present when it was refused. */
  readonly reason?: RejectionReason
  /** The aggregate that it changed; present when it was accepted. */
  readonly aggregateId?: string
  readonly version?: number
  readonly position?: number
}

/** An input that waits while a saga is stuck. */
export type HeldInput =
  | { readonly kind: 'event'; readonly event: EventRef }
  | { readonly kind: 'deadline'; readonly deadline: PendingDeadline }
  | { readonly kind: 'outcome'; readonly outcome: CommandOutcome }
  /** A step to compensate: with the command that was refused, or without one when `compensate` threw. */
  | { readonly kind: 'compensation'; readonly step: string; readonly command?: Command }

/** Why a saga is stuck. */
export interface SagaError {
  readonly message: string
  readonly stack?: string
  /** A retry had more to do than one append can hold: the next one goes on with the rest. */
  readonly isUnfinishedRetry?: boolean
}

/** What a decision has changed of the saga's own state; what is left out is as before. */
export interface StateChange {
  readonly state?: unknown
  readonly keys?: readonly string[]
}

/** The data of each event, by event type. */
export interface SagaEventData {
  /** With the state before the first event, so that it stays what it was when the definition changes. */
  readonly SagaStarted: { readonly event: EventRef; readonly correlationId: string } & StateChange
  readonly EventHandled: { readonly event: EventRef } & StateChange
  readonly CommandIssued: PendingCommand
  readonly CommandAccepted: Omit<CommandOutcome, 'reason'>
  readonly CommandRejected: { readonly commandId: string; readonly reason: RejectionReason } & StateChange
  readonly DeadlineScheduled: PendingDeadline
  readonly DeadlineCancelled: { readonly deadlineId: string; readonly name: string }
  readonly DeadlineReached: { readonly deadlineId: string; readonly name: string } & StateChange
  readonly CompensationStarted: { readonly reason: RejectionReason }
  readonly StepCompensated: { readonly step: string }
  /** Somebody has decided to leave it as it is. */
  readonly StepAbandoned: { readonly step: string }
  readonly SagaCompleted: Readonly<Record<string, never>>
  readonly SagaFailed: { readonly reason: RejectionReason }
  readonly SagaStuck: {
    /** Comes before the inputs that wait already; left out when only these wait. */
    readonly input?: HeldInput
    readonly error: SagaError
    readonly stuckWhile: 'Running' | 'Compensating'
  }
  readonly InputHeld: { readonly input: HeldInput }
  /** Goes on with what it was at when it was stuck. */
  readonly SagaRetried: {
    readonly resumes: 'Running' | 'Compensating'
    /** So many of the inputs that waited are taken now; the others wait on. */
    readonly taken: number
    readonly by?: string
  }
  readonly SagaCancelled: {
    readonly reason: string
    readonly resumes?: 'Running' | 'Compensating'
    readonly by?: string
  }
}

/** One event of a journal. */
export type SagaEvent = {
  [Name in keyof SagaEventData]: { readonly eventType: Name; readonly data: SagaEventData[Name] }
}[keyof SagaEventData]

/** Every event type of a journal. */
export const sagaEventTypes: readonly (keyof SagaEventData)[] = [
  'SagaStarted',
  'EventHandled',
  'CommandIssued',
  'CommandAccepted',
  'CommandRejected',
  'DeadlineScheduled',
  'DeadlineCancelled',
  'DeadlineReached',
  'CompensationStarted',
  'StepCompensated',
  'StepAbandoned',
  'SagaCompleted',
  'SagaFailed',
  'SagaStuck',
  'InputHeld',
  'SagaRetried',
  'SagaCancelled',
]

/** @param event as stored */
export function refOf({ eventId, eventType, aggregateType, aggregateId, position }: DomainEventEnvelope): EventRef {
  return { eventId, eventType, aggregateType, aggregateId, position }
}
