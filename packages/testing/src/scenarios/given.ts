/** given → when → then for aggregates: pure, at once, and with any test runner. */

import {
  type AggregateDefinition,
  type AggregateMessages,
  type CommandOptions,
  canonicalJson,
  type DecidedEvent,
  type DomainEvent,
  encodeJson,
  isRejection,
  type Rejection,
  type Schema,
} from '@cim/core'
import { checkData } from './check-data.ts'
import { assertSame, ScenarioError, show } from './scenario-error.ts'

/** Any event that the aggregate defines, as `event()` makes it. */
export type EventOfAggregate<TMessages extends AggregateMessages> = {
  [Name in keyof TMessages['events'] & string]: DecidedEvent<Name, TMessages['events'][Name]>
}[keyof TMessages['events'] & string]

/** Circumstances of the command; all have fixed values when left out. */
export interface WhenOptions extends Pick<CommandOptions, 'commandId' | 'userId'> {
  /** The time of the decision, ISO-8601; 2026-01-01T00:00:00.000Z when left out. */
  readonly now?: string
}

/** What a state must have: these properties with these values, or whatever the function says. */
export type StateExpectation<TState> = Partial<TState> | ((state: TState) => boolean)

/** An aggregate with a past. */
export interface Given<TState, TMessages extends AggregateMessages> {
  /**
   * Decides on a command.
   * @throws {ScenarioError} when its data does not fit the schema
   */
  when<TName extends keyof TMessages['commands'] & string>(
    commandType: TName,
    data: TMessages['commands'][TName],
    options?: WhenOptions,
  ): Then<TState, TMessages>
  /** The state that the past has led to. */
  thenState(expected: StateExpectation<TState>): this
}

/** What came of a command. Every method throws a {@link ScenarioError} when it was something else. */
export interface Then<TState, TMessages extends AggregateMessages> {
  /** Exactly these events, in this order. */
  thenEvents(events: readonly EventOfAggregate<TMessages>[]): this
  /** Accepted without events: nothing had to change. */
  thenNothing(): this
  /** Refused by the rule with this code. */
  thenRejected(code: string): this
  /** The state after the events, or the state as it was when there were none. */
  thenState(expected: StateExpectation<TState>): this
}

/**
 * Begins a scenario.
 *
 * Everything is checked against the definition's schemas, as in production, and decisions and state changes that are not
 * pure are found out.
 * @param definition the aggregate
 * @param events its past, made by `event()`; none when left out
 * @param options the aggregate's id; `aggregate-1` when left out
 * @throws {ScenarioError} when an event does not fit its schema
 */
export function given<TState, TMessages extends AggregateMessages>(
  definition: AggregateDefinition<string, TState, TMessages>,
  events: readonly EventOfAggregate<TMessages>[] = [],
  options: { readonly aggregateId?: string } = {},
): Given<TState, TMessages> {
  const aggregateId = definition.id(options.aggregateId ?? 'aggregate-1')
  const past = [definition.aggregateType, ...events.map(({ eventType }) => eventType)].join(', ')
  const state = fold(definition, definition.initialState, events, { aggregateId, first: 1, role: 'given' })
  return {
    when(commandType, data, { now = '2026-01-01T00:00:00.000Z', commandId = 'command-1', userId } = {}) {
      const scenario = `given ${past}, when ${commandType}`
      const schemas = definition.commands as Readonly<Record<string, Schema | undefined>>
      const parsed = checkData(own(schemas, commandType), data, `command ${commandType}`)
      const command = { commandType, data: parsed, aggregateId, commandId, ...(userId === undefined ? {} : { userId }) }
      const decision = unchanged(scenario, 'decide', state, command, (own) => definition.decide(own, command, { now }))
      const decided = isRejection(decision) ? [] : decision
      const first = events.length + 1
      const next = fold(definition, state, decided, { aggregateId, first, role: 'decided' })
      return outcome(scenario, isRejection(decision) ? decision : decided, next)
    },
    thenState(expected) {
      assertState(`given ${past}`, state, expected)
      return this
    },
  }
}

function outcome<TState, TMessages extends AggregateMessages>(
  scenario: string,
  decision: Rejection | readonly DecidedEvent[],
  state: TState,
): Then<TState, TMessages> {
  const fail = (expected: string): never => {
    const actual = 'rejected' in decision ? `the rejection ${show(decision.rejected)}` : `the events ${show(decision)}`
    throw new ScenarioError(`${scenario}: expected ${expected}, got ${actual}.`, expected, decision)
  }
  return {
    thenEvents(events) {
      if ('rejected' in decision) fail(`the events ${show(events)}`)
      assertSame(scenario, 'the list of events', events, decision)
      return this
    },
    thenNothing() {
      if ('rejected' in decision || decision.length > 0) fail('no events')
      return this
    },
    thenRejected(code) {
      if (!('rejected' in decision) || decision.rejected.code !== code) fail(`the rejection '${code}'`)
      return this
    },
    thenState(expected) {
      assertState(scenario, state, expected)
      return this
    },
  }
}

/** @throws {ScenarioError} when a state is not as expected */
export function assertState<TState>(scenario: string, state: TState, expected: StateExpectation<TState>): void {
  if (typeof expected === 'function') {
    if (expected(state)) return
    throw new ScenarioError(`${scenario}: the state is not as expected.\n  actual: ${show(state)}`, expected, state)
  }
  const isObject = typeof state === 'object' && state !== null && !Array.isArray(state)
  const keys = Object.keys(expected)
  const compared = isObject ? Object.fromEntries(keys.map((key) => [key, own(state, key)])) : state
  assertSame(scenario, 'the state', expected, compared)
}

interface FoldOptions {
  readonly aggregateId: DomainEvent['aggregateId']
  /** The sequence of the first event. */
  readonly first: number
  /** Where the events came from, for messages. */
  readonly role: 'given' | 'decided'
}

function fold<TState, TMessages extends AggregateMessages>(
  definition: AggregateDefinition<string, TState, TMessages>,
  start: TState,
  events: readonly DecidedEvent[],
  { aggregateId, first, role }: FoldOptions,
): TState {
  const schemas = definition.events as Readonly<Record<string, Schema | undefined>>
  return events.reduce((state, { eventType, data }, index) => {
    checkData(own(schemas, eventType), data, `${role} event ${eventType}`)
    const sequence = first + index
    // As it is stored: without properties that are undefined.
    const { value: stored } = encodeJson(data)
    const event: DomainEvent = {
      ...{
        eventType,
        data: stored,
        aggregateType: definition.aggregateType,
        aggregateId,
        sequence,
        position: sequence,
      },
      ...{ timestamp: '2026-01-01T00:00:00.000Z', eventId: `event-${sequence}`, metadata: {} },
    }
    return unchanged(`${role} event ${eventType}`, 'apply', state, stored, (own) => definition.apply(own, event))
  }, start)
}

/** Runs a function that must change neither the state nor the input; on a copy, since states are frozen otherwise. */
function unchanged<TState, TResult>(
  scenario: string,
  name: string,
  state: TState,
  input: unknown,
  run: (state: TState) => TResult,
): TResult {
  const own = structuredClone(state)
  const before = canonicalJson([own, input])
  const result = run(own)
  if (canonicalJson([own, input]) === before) return result
  throw new ScenarioError(`${scenario}: '${name}' changed what it was given. Return new values instead.`)
}

function own<TValue>(record: Readonly<Record<string, TValue>> | object, key: string): TValue | undefined {
  return Object.hasOwn(record, key) ? (record as Readonly<Record<string, TValue>>)[key] : undefined
}
