/** Defines an aggregate: its commands and events, how it decides, and how events change its state. */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkOptions } from '../errors/check-options.ts'
import { InvalidDefinitionError } from '../errors/input-errors.ts'
import { type EntityId, isTypeName } from '../event-store/aggregate-ref.ts'
import type { DomainEvent } from '../event-store/domain-event.ts'
import { canonicalJson, hashText } from '../event-store/fingerprint.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import type { Upcaster, Upcasters } from '../event-store/upcaster.ts'
import { jsonSchemaOf, type Outputs, type SchemaMap } from '../schema/schema.ts'
import type { Command, CommandOptions, DecidableCommand } from './command.ts'
import type { Decision, DecisionContext } from './decision.ts'

/** The data of an aggregate's commands and events, by name. */
export interface AggregateMessages {
  readonly commands: Readonly<Record<string, unknown>>
  readonly events: Readonly<Record<string, unknown>>
}

/** An aggregate as the runtime sees it. Made by {@link defineAggregate}. */
export interface AggregateDefinition<
  TType extends string = string,
  TState = unknown,
  TMessages extends AggregateMessages = AggregateMessages,
> {
  readonly aggregateType: TType
  readonly initialState: TState
  readonly commands: {
    readonly [Name in keyof TMessages['commands']]: StandardSchemaV1<unknown, TMessages['commands'][Name]>
  }
  readonly events: {
    readonly [Name in keyof TMessages['events']]: StandardSchemaV1<unknown, TMessages['events'][Name]>
  }
  readonly upcasters: Upcasters
  /** Changes when the definition does, as far as that can be seen. Snapshots of another fingerprint are not used. */
  readonly fingerprint: string
  /** Decides on a parsed command. Pure. */
  decide(state: TState, command: DecidableCommand, context: DecisionContext): Decision
  /** Applies a decoded event. Pure. An event type that is not defined leaves the state as it is. */
  apply(state: TState, event: DomainEvent): TState
  /** Writes a command with its types checked. */
  command<TName extends keyof TMessages['commands'] & string>(
    commandType: TName,
    data: TMessages['commands'][TName],
    options?: CommandOptions<TType>,
  ): Command<TName, TMessages['commands'][TName], TType>
  /** Marks a string as an id of this aggregate. */
  id(value: string): EntityId<TType>
}

/** What {@link defineAggregate} takes. */
export interface AggregateOptions<
  TType extends string,
  TState,
  TEvents extends SchemaMap,
  TCommands extends SchemaMap,
> {
  /** The schema of each event's data, by event type in the past tense. */
  readonly events: TEvents
  /** The schema of each command's data, by command type in the imperative. */
  readonly commands: TCommands
  /** The state before the first event. */
  readonly initialState: TState
  /** Per command: events, no events, or a rejection. Pure. */
  readonly decide: {
    readonly [Name in keyof TCommands & string]: (
      state: NoInfer<TState>,
      command: DecidableCommand<Name, StandardSchemaV1.InferOutput<TCommands[Name]>, TType>,
      context: DecisionContext,
    ) => Decision<Outputs<TEvents>>
  }
  /** Per event: the next state. Pure; must not fail for any stored event. */
  // NoInfer around the whole lets literals in a next state, such as a status, keep their types.
  readonly apply: NoInfer<{
    readonly [Name in keyof TEvents & string]: (
      state: TState,
      event: DomainEvent<Name, StandardSchemaV1.InferOutput<TEvents[Name]>, TType>,
    ) => TState
  }>
  /** Lifts stored events of older schema versions: from 1 to 2, from 2 to 3, and so on. */
  readonly upcasters?: { readonly [Name in keyof TEvents & string]?: readonly Upcaster[] }
  /**
   * Raise it when `apply` gives another state for the same events but its own source text has not changed, for instance
   * because a function that it calls has. Part of the fingerprint.
   */
  readonly stateVersion?: number
}

const optionNames = ['events', 'commands', 'initialState', 'decide', 'apply', 'upcasters', 'stateVersion']

/**
 * Defines an aggregate. Everything else, types, validation, OpenAPI and stored schema versions, follows from it.
 * @param aggregateType for instance `Person`: a letter, then letters, digits, `_` or `-`
 * @param options catalogue and pure functions
 * @throws {InvalidDefinitionError} when names do not fit together
 * @see the mission's heading "Command Side"
 */
export function defineAggregate<
  const TType extends string,
  TState,
  TEvents extends SchemaMap,
  TCommands extends SchemaMap,
>(
  aggregateType: TType,
  options: AggregateOptions<TType, TState, TEvents, TCommands>,
): AggregateDefinition<TType, TState, { readonly commands: Outputs<TCommands>; readonly events: Outputs<TEvents> }> {
  checkOptions(`defineAggregate('${aggregateType}')`, options, optionNames)
  checkNames(aggregateType, options)
  const deciders = new Map(Object.entries(options.decide)) as Map<string, (...input: never[]) => Decision>
  const appliers = new Map(Object.entries(options.apply)) as Map<string, (...input: never[]) => TState>
  const upcasters = (options.upcasters ?? {}) as Upcasters
  let fingerprint: string | undefined
  return {
    aggregateType,
    initialState: deepFreeze(options.initialState),
    commands: options.commands as never,
    events: options.events as never,
    upcasters,
    get fingerprint() {
      fingerprint ??= fingerprintOf(options)
      return fingerprint
    },
    decide(state, command, context) {
      const decider = deciders.get(command.commandType)
      if (decider === undefined)
        throw new InvalidDefinitionError(`${aggregateType} does not decide on ${command.commandType}.`)
      return decider(state as never, command as never, context as never)
    },
    apply(state, event) {
      const applier = appliers.get(event.eventType)
      return applier === undefined ? state : applier(state as never, event as never)
    },
    command: (commandType, data, commandOptions) => ({ ...commandOptions, commandType, data }),
    id: (value) => value as EntityId<TType>,
  }
}

type Checkable = Pick<AggregateOptions<string, unknown, SchemaMap, SchemaMap>, 'events' | 'commands' | 'upcasters'> & {
  readonly decide: object
  readonly apply: object
}

function checkNames(aggregateType: string, options: Checkable): void {
  const fail = (problem: string): never => {
    throw new InvalidDefinitionError(`Aggregate ${aggregateType}: ${problem}`)
  }
  for (const name of [aggregateType, ...Object.keys(options.events), ...Object.keys(options.commands)]) {
    if (!isTypeName(name)) fail(`the name ${JSON.stringify(name)} must be a letter, then letters, digits, '_' or '-'.`)
  }
  const compare = (field: string, functions: object, catalogue: string, schemas: object): void => {
    for (const name of Object.keys(schemas)) {
      if (typeof (functions as Record<string, unknown>)[name] !== 'function')
        fail(`'${field}' lacks a function for ${name}.`)
    }
    for (const name of Object.keys(functions)) {
      if (!Object.hasOwn(schemas, name)) fail(`'${field}' has ${name}, which '${catalogue}' lacks.`)
    }
  }
  compare('decide', options.decide, 'commands', options.commands)
  compare('apply', options.apply, 'events', options.events)
  for (const name of Object.keys(options.upcasters ?? {})) {
    if (!Object.hasOwn(options.events, name)) fail(`'upcasters' has ${name}, which 'events' lacks.`)
  }
}

/** Sees event schemas, the source text of `apply` and the upcasters, the initial state, and the stated version. */
function fingerprintOf(
  options: Checkable & { readonly initialState: unknown; readonly stateVersion?: number },
): string {
  const sources = (functions: object): string[] =>
    Object.entries(functions).map(
      ([name, value]) => `${name}=${Array.isArray(value) ? value.map(String).join() : String(value)}`,
    )
  const parts = [
    canonicalJson(Object.entries(options.events).map(([name, schema]) => [name, jsonSchemaOf(schema)])),
    ...sources(options.apply),
    ...sources(options.upcasters ?? {}),
    canonicalJson(options.initialState),
    String(options.stateVersion ?? 1),
  ]
  return hashText(parts.join('\n')).toString(36)
}
