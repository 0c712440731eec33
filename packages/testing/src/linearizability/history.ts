/** What processes did to an event store and were told, as {@link checkLinearizability} reads it. */

/** When a call began and when it returned, by one clock for all processes, in any unit. */
export interface OperationTimes {
  readonly startedAt: number
  readonly endedAt: number
  /** Who called, for messages. */
  readonly process?: string
}

/** One call of `appendEvents`. A repeat is another operation, with the same event ids. */
export interface AppendOperation extends OperationTimes {
  readonly kind: 'append'
  readonly aggregate: string
  readonly expectedVersion: number | 'any'
  /** Those that it was to store; each event has an id of its own. */
  readonly eventIds: readonly string[]
  readonly outcome: AppendOutcome
}

/**
 * What the caller was told. `stored`: its events stand there, and the last one makes this version. `repeated`: nothing was
 * stored, since its command had these events before, or none. `conflict`: the aggregate has another version. `failed`: nothing
 * was stored. `unknown`: it happened at any time since it began, or will happen yet, or never.
 */
export type AppendOutcome =
  | { readonly kind: 'stored'; readonly version: number }
  | { readonly kind: 'repeated'; readonly eventIds: readonly string[] }
  | { readonly kind: 'conflict'; readonly actualVersion: number }
  | { readonly kind: 'failed' }
  | { readonly kind: 'unknown' }

/** One call of `loadEvents` that loaded the whole aggregate and returned. */
export interface LoadOperation extends OperationTimes {
  readonly kind: 'load'
  readonly aggregate: string
  /** All events that it gave, in order. */
  readonly eventIds: readonly string[]
}

/** One call to an event store. */
export type Operation = AppendOperation | LoadOperation

/**
 * What no order of the operations explains. `lost`: an acknowledged event is not there. `duplicated`: one is there twice.
 * `torn`: events of one append are not all there, or not side by side. `unexplained`: nobody can have appended what is there.
 * `wrong-version`: an append was stored, or said to be, where it must not be. `other-log`: two loads saw different pasts.
 * `needless-conflict`: an append was refused at the very version that it expected, or though its events are there.
 * `stale`: an operation missed what somebody was told, or had seen, before it began. `too-early`: an operation saw, or
 * stands behind, what began only after it had ended.
 */
export type ViolationKind =
  | 'lost'
  | 'duplicated'
  | 'torn'
  | 'unexplained'
  | 'wrong-version'
  | 'other-log'
  | 'needless-conflict'
  | 'stale'
  | 'too-early'

/** Something that a store must not do. */
export interface Violation {
  readonly kind: ViolationKind
  readonly aggregate: string
  readonly message: string
  /** Those that contradict each other. */
  readonly operations: readonly Operation[]
}
