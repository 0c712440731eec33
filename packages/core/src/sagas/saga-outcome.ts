/** What a saga decides: its next state, commands, deadlines, and whether it has come to its end. */

import type { RejectionReason } from '../event-store/event-store.ts'
import type { Command } from '../write-side/command.ts'

/** What becomes of a saga after an event, a deadline or a rejected command. What is left out stays as it is. */
export interface SagaOutcome<TState = unknown, TDeadline extends string = string> {
  /** Plain JSON. */
  readonly state?: TState
  /** Are dispatched in this order, each with an id of its own that a repetition gives again. */
  readonly commands?: readonly (Command | SagaStep)[]
  readonly deadlines?: readonly Deadline<TDeadline>[]
  /** Deadlines that shall not be reached any more. */
  readonly cancelDeadlines?: readonly TDeadline[]
  /** The saga has done all that it had to; its deadlines are off. Commands of this outcome are still dispatched. */
  readonly completed?: boolean
  /** The saga cannot reach its end: its steps are compensated in reverse order, and then it has failed. */
  readonly failed?: RejectionReason
}

/** An outcome that was checked, with everything filled in: a frozen copy. */
export interface CheckedOutcome {
  /** Present when it changes. */
  readonly state?: unknown
  readonly commands: readonly { readonly command: Command; readonly step?: string }[]
  readonly deadlines: readonly { readonly name: string; readonly dueAt: string; readonly data?: unknown }[]
  readonly cancelDeadlines: readonly string[]
  readonly completed: boolean
  readonly failed: RejectionReason | undefined
}

/** A command that can be compensated: see `compensate` of a saga's options. */
export interface SagaStep {
  readonly step: string
  readonly command: Command
}

/** A time by which something must have happened. A second one with the same name takes the place of the first. */
export interface Deadline<TName extends string = string> {
  readonly name: TName
  /** ISO-8601 in UTC. */
  readonly dueAt?: string
  /** Milliseconds from the decision on. */
  readonly afterMs?: number
  /** Plain JSON for the handler of the deadline. */
  readonly data?: unknown
}

/**
 * @param name for instance `Employ`; what `compensate` calls it
 * @param command its aggregate need not exist yet
 */
export function step(name: string, command: Command): SagaStep {
  return { step: name, command }
}

/**
 * @param name one of `onDeadline`
 * @param due a time of day, or a wait in milliseconds
 * @param data plain JSON for its handler
 */
export function deadline<const TName extends string>(
  name: TName,
  due: { readonly dueAt: string } | { readonly afterMs: number },
  data?: unknown,
): Deadline<TName> {
  return data === undefined ? { name, ...due } : { name, ...due, data }
}
