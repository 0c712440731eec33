/** An intent to change one aggregate. */

import type { EntityId } from '../event-store/aggregate-ref.ts'

/**
 * A command as its sender writes it: plain JSON.
 * @see the mission's heading "Commands"
 */
export interface Command<TType extends string = string, TData = unknown, TAggregateType extends string = string>
  extends CommandOptions<TAggregateType> {
  /** A task in the imperative, for instance `ChangeEmail`. */
  readonly commandType: TType
  /** What the command's schema asks for. */
  readonly data: TData
}

/** What may be said beside a command's type and data. */
export interface CommandOptions<TAggregateType extends string = string> {
  /** The aggregate that it addresses; derived from the command id when left out, which suits creations. */
  readonly aggregateId?: EntityId<TAggregateType>
  /**
   * Makes the command safe to repeat: within its aggregate, the same id returns the first acknowledgment. A new one is
   * made when left out.
   */
  readonly commandId?: string
  /** The version that the sender has seen. Another one is a VersionMismatchError. 0: the aggregate must not exist. */
  readonly expectedVersion?: number
  /** One id for all that this command causes; the command's own id when left out. */
  readonly correlationId?: string
  readonly userId?: string
  readonly sessionId?: string
}

/** A command on its way to a decision: parsed, with its ids. */
export interface DecidableCommand<
  TType extends string = string,
  TData = unknown,
  TAggregateType extends string = string,
> {
  readonly commandType: TType
  /** What the schema made of the data. */
  readonly data: TData
  readonly aggregateId: EntityId<TAggregateType>
  readonly commandId: string
  readonly userId?: string
}
