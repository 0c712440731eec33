/** Defines a reaction: what happens outside of the system when something has happened in it. */

import { checkOptions } from '../errors/check-options.ts'
import { InvalidDefinitionError } from '../errors/input-errors.ts'
import { isTypeName } from '../event-store/aggregate-ref.ts'
import type { DomainEvent } from '../event-store/domain-event.ts'
import { type EventOf, type EventSource, subjectsOf } from '../event-store/event-source.ts'
import type { Upcasters } from '../event-store/upcaster.ts'

/** What the handler of a reaction is told besides the event. */
export interface ReactionContext {
  /** The event was handled before, and comes again because the reaction was reset: do not send the letter twice. */
  readonly isReplay: boolean
  /**
   * The same at every attempt at this event: hand it to the outside, so that it can recognise a repetition after a crash
   * between the effect and the note that it was made.
   */
  readonly idempotencyKey: string
  /** Aborts when the handler has taken too long, or the processor is stopped for good. */
  readonly signal: AbortSignal
}

/** Reaches the outside: sends a letter, calls another system. */
export type ReactionHandler<TEvent> = (event: TEvent, context: ReactionContext) => void | Promise<void>

/** A reaction as the runtime sees it. Made by {@link defineReaction}. */
export interface ReactionDefinition {
  readonly reactionName: string
  readonly subjectPatterns: readonly string[]
  readonly startAt: 'beginning' | 'now' | number
  /** Upcasters by aggregate type. */
  readonly upcasters: ReadonlyMap<string, Upcasters>
  /** Handles one decoded event; an event type without a handler does nothing. */
  react(event: DomainEvent, context: ReactionContext): void | Promise<void>
}

/** What {@link defineReaction} takes. */
export interface ReactionOptions<TSource extends EventSource> {
  /** The aggregates whose events it reacts to. */
  readonly from: readonly TSource[]
  /**
   * Where it begins when it is new: `now` when left out, so that a reaction to the past is never an accident; `beginning`, or
   * after a position.
   */
  readonly startAt?: 'beginning' | 'now' | number
  /** Per event type: what it does. */
  readonly on: {
    readonly [Name in EventOf<TSource>['eventType']]?: ReactionHandler<
      Extract<EventOf<TSource>, { readonly eventType: Name }>
    >
  }
}

/**
 * Defines a reaction. Each event is handled at least once, in the order of its aggregate; one that fails is tried again and
 * then parked, with those of its aggregate behind it.
 * @param reactionName for instance `WelcomeLetter`; its progress is kept under it
 * @param options sources and handlers
 * @throws {InvalidDefinitionError} when names do not fit together
 */
export function defineReaction<TSource extends EventSource>(
  reactionName: string,
  options: ReactionOptions<TSource>,
): ReactionDefinition {
  checkOptions(`defineReaction('${reactionName}')`, options, ['from', 'startAt', 'on'])
  if (!isTypeName(reactionName)) {
    throw new InvalidDefinitionError(
      `Reaction: the name ${JSON.stringify(reactionName)} must be a letter, then letters, digits, '_' or '-'.`,
    )
  }
  const handlers = new Map(Object.entries(options.on)) as Map<string, ReactionHandler<DomainEvent>>
  return {
    reactionName,
    startAt: options.startAt ?? 'now',
    subjectPatterns: subjectsOf(`Reaction ${reactionName}`, options.from, [...handlers.keys()]),
    upcasters: new Map(options.from.map((source) => [source.aggregateType, source.upcasters])),
    react: (event, context) => handlers.get(event.eventType)?.(event, context),
  }
}
