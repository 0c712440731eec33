/** What may happen to a saga in a scenario, and what must come of it. */

import type { Command, Deadline, RejectionReason, SagaEvent, SagaStep } from '@cim/core'
import { assertState, type StateExpectation } from './given.ts'
import type { PastEvent } from './past-event.ts'
import type { SagaRun, SagaStepResult } from './saga-run.ts'
import { assertSame, ScenarioError, show } from './scenario-error.ts'

/**
 * What happens next. Before that, every command is accepted that was issued and not answered, in order, as are the
 * commands that compensate steps.
 */
export interface SagaWhen<TState> {
  /** An event is stored. It changes nothing when it does not concern the instance. */
  whenEvent(event: PastEvent): SagaThen<TState>
  /** The time of a deadline has come: the clock moves there. @throws {ScenarioError} when none by that name is pending */
  whenDeadline(name: string): SagaThen<TState>
  /**
   * A command is refused that was issued and not answered yet; also one that compensates a step.
   * @param where which one of its type; the first one when left out
   * @throws {ScenarioError} when there is none
   */
  whenRejected(commandType: string, reason: RejectionReason, where?: (command: Command) => boolean): SagaThen<TState>
  /** A command is accepted that the scenario left under way. @throws {ScenarioError} when there is none */
  whenAccepted(commandType: string, where?: (command: Command) => boolean): SagaThen<TState>
  /** An operator ends it. @throws {ScenarioError} when it is not running, or stuck */
  whenCancelled(reason: string): SagaThen<TState>
  /** An operator lets it take its inputs again. @throws {ScenarioError} when it is not stuck */
  whenRetried(): SagaThen<TState>
}

/**
 * What came of the last `when`, until nothing more comes of it. Every method throws a {@link ScenarioError} when it was
 * something else, also when the saga is stuck and `thenStuck` does not stand first.
 */
export interface SagaThen<TState> extends SagaWhen<TState> {
  /** Exactly these commands, those that compensate included, in this order; `step()` asks for the step too. */
  thenCommands(commands: readonly (Command | SagaStep)[]): this
  /** Exactly these deadlines are pending, in any order, made by `deadline()` as the saga makes them. */
  thenDeadlines(deadlines: readonly Deadline[]): this
  thenState(expected: StateExpectation<TState>): this
  thenCompleted(): this
  /** Every step is compensated. @param code of the reason; any when left out */
  thenFailed(code?: string): this
  /** A function threw, or a compensation was refused. @param message what the error must say, or a part of it */
  thenStuck(message?: string): SagaThen<TState>
  /** No command, no other deadline, no other state: at most a note that it came. */
  thenNothing(): this
}

/** A step of a scenario. */
export interface SagaStory {
  readonly scenario: string
  readonly before: SagaRun
  /** Right after the input. */
  readonly result: SagaStepResult
  /** When everything that came of it is answered. */
  readonly settled: SagaStepResult
  readonly mayBeStuck?: boolean
}

/** @param next what may happen after it */
export function thenOf<TState>(story: SagaStory, next: SagaWhen<TState>): SagaThen<TState> {
  const { scenario, before, settled, mayBeStuck = false } = story
  const { instance, scheduledAt } = settled.run
  const { status, failure, state } = instance
  const fail = (expected: string, actual: string = describe(settled)): never => {
    throw new ScenarioError(`${scenario}: expected ${expected}, ${actual}`, expected, settled)
  }
  const look = (): void => {
    if (status === 'Stuck' && !mayBeStuck) fail(`a saga that goes on`, `it is stuck: ${errorOf(settled.run)}`)
  }
  return {
    ...next,
    thenCommands(commands) {
      look()
      const issued = settled.journal.flatMap((event) => (event.eventType === 'CommandIssued' ? [event.data] : []))
      const actual = issued.map(({ step, command }, index) => {
        const expected = commands[index]
        const isPlain = step === undefined || (expected !== undefined && !('step' in expected))
        return isPlain ? command : { step, command }
      })
      assertSame(scenario, 'the list of commands', commands, actual)
      return this
    },
    thenDeadlines(deadlines) {
      look()
      const actual = instance.deadlines.map(({ deadlineId, name, dueAt, data }) => {
        const expected = deadlines.find((one) => one.name === name)
        const afterMs = Date.parse(dueAt) - (scheduledAt.get(deadlineId) ?? 0)
        // It is shown as it was asked for.
        const due = expected?.afterMs === undefined ? { dueAt } : { afterMs }
        return data === undefined ? { name, ...due } : { name, ...due, data }
      })
      assertSame(scenario, 'the list of deadlines', deadlines.toSorted(byName), actual.toSorted(byName))
      return this
    },
    thenState(expected) {
      look()
      assertState(scenario, state as TState, expected)
      return this
    },
    thenCompleted() {
      if (status !== 'Completed') fail('the saga to be completed')
      return this
    },
    thenFailed(code) {
      const isExpected = status === 'Failed' && (code === undefined || failure?.code === code)
      if (!isExpected) fail(code === undefined ? 'the saga to have failed' : `the saga to have failed with '${code}'`)
      return this
    },
    thenStuck(message = '') {
      if (status !== 'Stuck') fail('the saga to be stuck')
      if (!errorOf(settled.run).includes(message)) {
        fail(`the saga to be stuck with ${show(message)}`, `it is stuck with ${show(errorOf(settled.run))}.`)
      }
      return thenOf({ ...story, mayBeStuck: true }, next)
    },
    thenNothing() {
      look()
      const changes = settled.journal.filter(({ eventType }) => !notes.has(eventType))
      if (changes.length > 0) fail('nothing to happen')
      assertSame(scenario, 'the state', before.instance.state, state)
      return this
    },
  }
}

/** They say that something came, and change nothing but perhaps the state. */
const notes: ReadonlySet<string> = new Set<SagaEvent['eventType']>([
  'EventHandled',
  'DeadlineReached',
  'CommandRejected',
  'CommandAccepted',
])

function describe({ run: { instance }, journal }: SagaStepResult): string {
  const { status, failure, error, state, pendingCommands, deadlines } = instance
  const why = failure === undefined ? '' : ` because of ${show(failure)}`
  const what = error === undefined ? '' : `: ${error.message}`
  return (
    `it is ${status}${why}${what}.\n  state: ${show(state)}\n  pending commands: ${show(pendingCommands)}\n` +
    `  pending deadlines: ${show(deadlines)}\n  what its journal got: ${show(journal.map(withoutStack))}`
  )
}

function withoutStack(event: SagaEvent): SagaEvent {
  if (event.eventType !== 'SagaStuck') return event
  return { ...event, data: { ...event.data, error: { message: event.data.error.message } } }
}

/** @returns why a saga is stuck */
export function errorOf({ instance }: SagaRun): string {
  return instance.error?.message ?? ''
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name < other.name ? -1 : 1
}
