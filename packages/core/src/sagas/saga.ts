/** Defines a saga: a process across aggregates, which decides on events, deadlines and rejected commands. */

import { checkOptions } from '../errors/check-options.ts'
import { InvalidDefinitionError } from '../errors/input-errors.ts'
import { messageOf } from '../errors/message-of.ts'
import { isTypeName, problemWithId } from '../event-store/aggregate-ref.ts'
import type { DomainEvent } from '../event-store/domain-event.ts'
import { type EventOf, type EventSource, subjectsOf } from '../event-store/event-source.ts'
import type { RejectionReason } from '../event-store/event-store.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import { encodeJson } from '../event-store/json.ts'
import type { Upcasters } from '../event-store/upcaster.ts'
import type { Command } from '../write-side/command.ts'
import type { SagaOutcome } from './saga-outcome.ts'

/** Circumstances of a saga's decision, so that it needs no clock of its own. */
export interface SagaContext {
  /** ISO-8601 in UTC. */
  readonly now: string
  readonly sagaId: string
}

/** Which instances an event concerns: the one with this id, all that have this key, several of both, or none. */
export type SagaAddress = string | { readonly key: string } | readonly (string | { readonly key: string })[] | undefined

/** A command that was refused. */
export interface RefusedCommand {
  readonly command: Command
  readonly reason: RejectionReason
  /** The step that it was, if it was one. */
  readonly step?: string
}

/** A deadline that was reached. */
export interface ReachedDeadline {
  readonly name: string
  readonly dueAt: string
  readonly data: unknown
}

/** Circumstances of a compensation. */
export interface CompensationContext extends SagaContext {
  /** Why the saga fails. */
  readonly reason: RejectionReason
}

/** Takes back what a step has done: gives commands, possibly none. */
export type Compensate<TState> = (state: TState, context: CompensationContext) => Command | readonly Command[]

/** How a step is compensated. */
export interface CompensationOptions<TState> {
  readonly commands: Compensate<TState>
  /** Rejections that mean there is nothing (more) to compensate, by code. */
  readonly unlessRejectedWith: readonly string[]
}

/** Its handler of an event, a deadline or a refused command; undefined: nothing changes. */
export type SagaHandler<TState, TInput, TDeadline extends string = string> = (
  state: TState,
  input: TInput,
  context: SagaContext,
) => SagaOutcome<TState, TDeadline> | undefined

/** What {@link defineSaga} takes. */
export interface SagaOptions<TSource extends EventSource, TState, TDeadline extends string> {
  /** The aggregates whose events it handles. */
  readonly from: readonly TSource[]
  /**
   * Where it begins when it is new: `now` when left out, so that what has happened long ago starts nothing by accident;
   * `beginning`, or after a position.
   */
  readonly startAt?: 'beginning' | 'now' | number
  /** The state before the first event, plain JSON. */
  readonly initialState: TState
  /** Per event type that starts an instance: the instance's id, undefined when this event starts none. */
  readonly startedBy: {
    readonly [Name in EventOf<TSource>['eventType']]?: (
      event: Extract<EventOf<TSource>, { readonly eventType: Name }>,
    ) => string | undefined
  }
  /** Per event type: which instances it concerns. An event that starts an instance concerns that one anyway. */
  readonly concerns?: {
    readonly [Name in EventOf<TSource>['eventType']]?: (
      event: Extract<EventOf<TSource>, { readonly eventType: Name }>,
    ) => SagaAddress
  }
  /** Keys under which `concerns` finds an instance beside its id, for instance that of an organization; 100 at most. */
  readonly keys?: (state: NoInfer<TState>) => readonly string[]
  /**
   * Per event type: what the saga does. Pure. Name at least one parameter, `(_) => …`, where it gives a state: TypeScript takes
   * the literals of a function without parameters for any string.
   */
  // NoInfer around the whole lets literals in a next state, such as a status, keep their types.
  readonly on: NoInfer<{
    readonly [Name in EventOf<TSource>['eventType']]?: SagaHandler<
      TState,
      Extract<EventOf<TSource>, { readonly eventType: Name }>,
      TDeadline
    >
  }>
  /**
   * Per deadline: what the saga does when it is reached. Pure. Stands before `on` where some of its functions have parameters and
   * others have none: TypeScript would otherwise know only some of the names.
   */
  readonly onDeadline?: { readonly [Name in TDeadline]: SagaHandler<NoInfer<TState>, ReachedDeadline> }
  /** Per command type: what the saga does when it is refused; it fails when there is no handler. Pure. */
  readonly onRejected?: NoInfer<Readonly<Record<string, SagaHandler<TState, RefusedCommand, TDeadline>>>>
  /** Per step: how it is compensated when the saga fails; a step that is not named here leaves nothing behind. Pure. */
  readonly compensate?: NoInfer<Readonly<Record<string, Compensate<TState> | CompensationOptions<TState>>>>
}

/** A saga as the runtime sees it. Made by {@link defineSaga}. */
export interface SagaDefinition<TState = unknown> {
  readonly sagaName: string
  readonly initialState: TState
  /** The subjects of the events that it handles. */
  readonly subjectPatterns: readonly string[]
  readonly startAt: 'beginning' | 'now' | number
  /** Upcasters by aggregate type. */
  readonly upcasters: ReadonlyMap<string, Upcasters>
  /** @returns the instance that an event starts, undefined when it starts none */
  startedBy(event: DomainEvent): string | undefined
  /** @returns the instances that an event concerns, without repetition */
  concernedBy(event: DomainEvent): { readonly ids: readonly string[]; readonly keys: readonly string[] }
  keysOf(state: TState): readonly string[]
  onEvent(state: TState, event: DomainEvent, context: SagaContext): SagaOutcome<TState> | undefined
  onDeadline(state: TState, deadline: ReachedDeadline, context: SagaContext): SagaOutcome<TState> | undefined
  onRejected(state: TState, refused: RefusedCommand, context: SagaContext): SagaOutcome<TState> | undefined
  hasDeadline(name: string): boolean
  /** @returns the commands that take a step back, none when there is nothing to take back */
  compensate(step: string, state: TState, context: CompensationContext): readonly Command[]
  /** @returns whether a compensation that is refused like this has nothing more to do */
  isCompensatedBy(step: string, rejectionCode: string): boolean
}

const optionNames = [
  'from',
  'startAt',
  'initialState',
  'startedBy',
  'concerns',
  'keys',
  'on',
  'onDeadline',
  'onRejected',
  'compensate',
]

type AnyHandler = SagaHandler<unknown, never>

/**
 * Defines a saga. Its functions are pure; the runtime journals what they decide as events of the aggregate type `sagaName`.
 * @param sagaName for instance `HiringProcess`: a letter, then letters, digits, `_` or `-`
 * @param options which events start and concern it, and what it does
 * @throws {InvalidDefinitionError} when names do not fit together
 * @see the mission's heading "Saga Pattern"
 */
export function defineSaga<TSource extends EventSource, TState, const TDeadline extends string = never>(
  sagaName: string,
  options: SagaOptions<TSource, TState, TDeadline>,
): SagaDefinition<TState> {
  checkOptions(`defineSaga('${sagaName}')`, options, optionNames)
  const fail: Fail = (problem) => {
    throw new InvalidDefinitionError(`Saga ${sagaName}: ${problem}`)
  }
  const on = tableOf<AnyHandler>('on', options.on, fail)
  const starts = tableOf<(event: DomainEvent) => string | undefined>('startedBy', options.startedBy, fail)
  const concerns = tableOf<(event: DomainEvent) => SagaAddress>('concerns', options.concerns, fail)
  const onDeadline = tableOf<AnyHandler>('onDeadline', options.onDeadline, fail)
  const onRejected = tableOf<AnyHandler>('onRejected', options.onRejected, fail)
  const compensations = compensationsOf<TState>(options.compensate, fail)
  const subjectPatterns = checkNames(sagaName, options, { on, starts, concerns }, fail)
  if (options.keys !== undefined && typeof options.keys !== 'function') fail(`'keys' must be a function.`)
  const startedBy = (event: DomainEvent): string | undefined => {
    const started = starts.get(event.eventType)?.(event) ?? undefined
    return started === undefined ? undefined : checkId(started, `'startedBy' of ${event.eventType}`, fail)
  }
  return {
    sagaName,
    initialState: checkState(options.initialState, fail),
    subjectPatterns,
    startAt: options.startAt ?? 'now',
    upcasters: new Map(options.from.map((source) => [source.aggregateType, source.upcasters])),
    startedBy,
    concernedBy(event) {
      const ids = new Set<string>()
      const keys = new Set<string>()
      const started = startedBy(event)
      if (started !== undefined) ids.add(started)
      const address = concerns.get(event.eventType)?.(event) ?? []
      const place = `'concerns' of ${event.eventType}`
      for (const one of (Array.isArray(address) ? address : [address]) as readonly (string | { key: string })[]) {
        if (typeof one === 'object' && one !== null) keys.add(checkId(one.key, place, fail))
        else ids.add(checkId(one, place, fail))
      }
      return { ids: [...ids], keys: [...keys] }
    },
    keysOf: (state) => options.keys?.(state) ?? [],
    onEvent: (state, event, context) => run(on.get(event.eventType), state, event, context),
    onDeadline: (state, reached, context) => run(onDeadline.get(reached.name), state, reached, context),
    onRejected(state, refused, context) {
      const handler = onRejected.get(refused.command.commandType)
      return handler === undefined ? { failed: refused.reason } : run(handler, state, refused, context)
    },
    hasDeadline: (name) => onDeadline.has(name),
    compensate(step, state, context) {
      const commands = compensations.get(step)?.commands(state, context) ?? []
      return Array.isArray(commands) ? commands : [commands as Command]
    },
    isCompensatedBy(step, rejectionCode) {
      return compensations.get(step)?.unlessRejectedWith.includes(rejectionCode) ?? false
    },
  }
}

type Fail = (problem: string) => never

function tableOf<TFunction>(field: string, functions: object | undefined, fail: Fail): ReadonlyMap<string, TFunction> {
  const entries = Object.entries(functions ?? {}).filter(([, value]) => value !== undefined)
  for (const [name, value] of entries) {
    if (typeof value !== 'function') fail(`'${field}' must have a function for ${name}, got ${typeof value}.`)
  }
  return new Map(entries)
}

function compensationsOf<TState>(
  given: SagaOptions<EventSource, TState, string>['compensate'],
  fail: Fail,
): ReadonlyMap<string, CompensationOptions<TState>> {
  const checked = new Map<string, CompensationOptions<TState>>()
  for (const [step, compensation] of Object.entries(given ?? {})) {
    const options =
      typeof compensation === 'function' ? { commands: compensation, unlessRejectedWith: [] } : compensation
    if (typeof options?.commands !== 'function' || !Array.isArray(options.unlessRejectedWith)) {
      fail(`'compensate' must have for ${step} a function, or { commands, unlessRejectedWith: [codes] }.`)
    }
    checkOptions(`'compensate' of ${step}`, options, ['commands', 'unlessRejectedWith'])
    checked.set(step, options as CompensationOptions<TState>)
  }
  return checked
}

function checkState<TState>(initialState: TState, fail: Fail): TState {
  try {
    return deepFreeze(encodeJson(initialState).value) as TState
  } catch (error) {
    return fail(`'initialState' must be plain JSON: ${messageOf(error)}.`)
  }
}

function checkId(id: unknown, place: string, fail: Fail): string {
  const problem = problemWithId(id)
  return problem === undefined ? (id as string) : fail(`${place} gave something that is no identifier: it ${problem}.`)
}

function run<TState>(
  handler: AnyHandler | undefined,
  state: TState,
  input: unknown,
  context: SagaContext,
): SagaOutcome<TState> | undefined {
  return handler?.(state, input as never, context) as SagaOutcome<TState> | undefined
}

function checkNames(
  sagaName: string,
  { from }: { readonly from: readonly EventSource[] },
  tables: Readonly<Record<'on' | 'starts' | 'concerns', ReadonlyMap<string, unknown>>>,
  fail: Fail,
): readonly string[] {
  if (!isTypeName(sagaName)) fail(`the name must be a letter, then letters, digits, '_' or '-'.`)
  if (from.some(({ aggregateType }) => aggregateType === sagaName))
    fail('an aggregate has the same name. Rename one of them.')
  if (tables.starts.size === 0) fail(`'startedBy' must name at least one event.`)
  for (const eventType of tables.on.keys()) {
    if (tables.starts.has(eventType) || tables.concerns.has(eventType)) continue
    fail(`'on' handles ${eventType}, but neither 'startedBy' nor 'concerns' says which instance that is about.`)
  }
  for (const eventType of [...tables.starts.keys(), ...tables.concerns.keys()]) {
    if (!tables.on.has(eventType)) fail(`'on' lacks a handler for ${eventType}.`)
  }
  return subjectsOf(`Saga ${sagaName}`, from, [...tables.on.keys()])
}
