/** given → when → then for sagas: what one instance makes of events, deadlines and refused commands. */

import type { Command, RejectionReason, SagaDefinition } from '@cim/core'
import type { PastEvent } from './past-event.ts'
import {
  answer,
  answerAll,
  type CommandChoice,
  joined,
  newRun,
  type SagaRun,
  type SagaStepResult,
  store,
  tell,
} from './saga-run.ts'
import { errorOf, type SagaThen, type SagaWhen, thenOf } from './saga-then.ts'
import { ScenarioError, show } from './scenario-error.ts'

/** Circumstances of a saga's scenario; all have values of their own when left out. */
export interface GivenSagaOptions {
  /** Which instance it is about; the one that the first event starts when left out. */
  readonly sagaId?: string
  /** The time at the beginning, ISO-8601; 2026-01-01T00:00:00.000Z when left out. Timestamps of events move it on. */
  readonly now?: string
  /** Types of commands that are not accepted by themselves: they stay under way until they are answered. */
  readonly underWay?: readonly string[]
}

/**
 * Begins a scenario with one instance. The decisions are those of the runtime; what they are given is frozen.
 * @param definition the saga
 * @param events what has happened before, made by `pastEvent()`; each must concern the instance
 * @param options circumstances
 * @throws {ScenarioError} when an event does not concern the instance, or a function of the saga throws
 */
export function givenSaga<TState>(
  definition: SagaDefinition<TState>,
  events: readonly PastEvent[] = [],
  options: GivenSagaOptions = {},
): SagaWhen<TState> {
  const { sagaId, now = '2026-01-01T00:00:00.000Z', underWay = [] } = options
  let run = newRun(definition as SagaDefinition, { sagaId, now, underWay })
  let scenario = `given ${definition.sagaName}`
  for (const past of events) {
    scenario += `, ${past.event.eventType}`
    const before = answerAll(run, scenario).run
    const { isConcerned, envelope, run: stored } = store(before, scenario, past)
    if (!isConcerned) {
      const remark = unconcerned(stored)
      throw new ScenarioError(`${scenario}: the event ${remark}. Leave it out, or mend 'startedBy' and 'concerns'.`)
    }
    run = tell(stored, scenario, { kind: 'event', event: envelope }).run
    if (run.instance.status === 'Stuck') throw new ScenarioError(`${scenario}: the saga is stuck: ${errorOf(run)}`)
  }
  return whenOf(scenario, run)
}

interface Told {
  readonly before: SagaRun
  readonly result: SagaStepResult
  /** What a message should say about the input. */
  readonly remark?: string
}

/** @param run nothing of its last step is answered yet */
function whenOf<TState>(scenario: string, run: SagaRun): SagaWhen<TState> {
  const next = (name: string, go: (scenario: string) => Told): SagaThen<TState> => {
    const told = `${scenario}, when ${name}`
    const { before, result, remark = '' } = go(told)
    const settled = joined(result, (rest) => answerAll(rest, told))
    return thenOf({ scenario: told + remark, before, result, settled }, whenOf(told, result.run))
  }
  const afterAnswers = (name: string, go: (run: SagaRun, scenario: string) => Omit<Told, 'before'>) =>
    next(name, (told) => {
      const before = answerAll(run, told).run
      return { before, ...go(before, told) }
    })
  const answered = (name: string, choice: CommandChoice, reason?: RejectionReason) =>
    next(`${choice.commandType} is ${name}`, (told) => ({ before: run, result: answer(run, told, choice, reason) }))
  return {
    whenEvent: (past) =>
      afterAnswers(past.event.eventType, (before, told) => {
        const { isConcerned, envelope, run: stored } = store(before, told, past)
        return isConcerned
          ? { result: tell(stored, told, { kind: 'event', event: envelope }) }
          : { result: { run: stored, journal: [] }, remark: ` (which ${unconcerned(stored)})` }
      }),
    whenDeadline: (name) =>
      afterAnswers(`the deadline ${name}`, (before, told) => {
        const { deadlines } = before.instance
        const due = deadlines.find((pending) => pending.name === name)
        if (due === undefined) {
          const message = `${told}: there is no such deadline, pending are ${show(deadlines)}.`
          throw new ScenarioError(message, name, deadlines)
        }
        const time = Math.max(before.time, Date.parse(due.dueAt))
        return { result: tell({ ...before, time }, told, { kind: 'deadline', deadlineId: due.deadlineId }) }
      }),
    whenRejected: (commandType, reason, where) => answered('rejected', choiceOf(commandType, where), reason),
    whenAccepted: (commandType, where) => answered('accepted', choiceOf(commandType, where)),
    whenCancelled: (reason) =>
      afterAnswers('cancelled', (before, told) => ({ result: tell(before, told, { kind: 'cancel', reason }) })),
    whenRetried: () =>
      afterAnswers('retried', (before, told) => ({
        result: tell(before, told, { kind: 'retry', events: before.events }),
      })),
  }
}

function unconcerned({ sagaId }: SagaRun): string {
  return sagaId === undefined ? 'starts no instance' : `does not concern ${show(sagaId)}`
}

function choiceOf(commandType: string, where: ((command: Command) => boolean) | undefined): CommandChoice {
  return where === undefined ? { commandType } : { commandType, where }
}
