/** What a decision is made of: events, or a refusal. */

import type { RejectionReason } from '../event-store/event-store.ts'

/** An event that a decision made. */
export interface DecidedEvent<TType extends string = string, TData = unknown> {
  readonly eventType: TType
  readonly data: TData
}

/** A refusal by a business rule. */
export interface Rejection {
  readonly rejected: RejectionReason
}

/** Events, none when nothing has to change, or a rejection. */
export type Decision<TEvents extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>> =
  | readonly DecidedEventOf<TEvents>[]
  | Rejection

/** Any of the events of a catalogue. */
export type DecidedEventOf<TEvents extends Readonly<Record<string, unknown>>> = {
  [Name in keyof TEvents & string]: DecidedEvent<Name, TEvents[Name]>
}[keyof TEvents & string]

/** Circumstances of a decision, so that it needs no clock of its own. */
export interface DecisionContext {
  /** The time of the decision, ISO-8601 in UTC. */
  readonly now: string
}

/**
 * @param eventType a name from the aggregate's `events`
 * @param data what that event's schema asks for
 */
export function event<const TType extends string, const TData>(
  eventType: TType,
  data: TData,
): DecidedEvent<TType, TData> {
  return { eventType, data }
}

/**
 * @param code stable kebab-case identifier of the rule, for instance `person-exists`
 * @param message the rule in words, for the sender
 */
export function reject(code: string, message: string): Rejection {
  return { rejected: { code, message } }
}

/** @returns whether a decision is a refusal */
export function isRejection(decision: Decision): decision is Rejection {
  return 'rejected' in decision
}
