/** Looks at what a function of a saga gave, before anything of it counts. */

import { InvalidDefinitionError } from '../errors/input-errors.ts'
import { parseTimestamp } from '../event-store/event-store-options.ts'
import { encodeJson } from '../event-store/json.ts'
import type { SagaDefinition } from './saga.ts'
import type { Deadline, SagaOutcome } from './saga-outcome.ts'

const outcomeNames = ['state', 'commands', 'deadlines', 'cancelDeadlines', 'completed', 'failed']

/** @throws {InvalidDefinitionError} when it is not what the saga's types ask for */
export function checkOutcome(definition: SagaDefinition, outcome: SagaOutcome): void {
  const fail = (problem: string): never => {
    throw new InvalidDefinitionError(`Saga ${definition.sagaName}: ${problem}`)
  }
  if (typeof outcome !== 'object' || outcome === null || outcome instanceof Promise) {
    fail('a handler must give an outcome, an object, at once; it must not be asynchronous.')
  }
  const unknown = Object.keys(outcome).find((name) => !outcomeNames.includes(name))
  if (unknown !== undefined) fail(`an outcome has '${unknown}', which is unknown. Known: ${outcomeNames.join(', ')}.`)
  if (outcome.completed === true && outcome.failed !== undefined) fail(`an outcome is both 'completed' and 'failed'.`)
  for (const issued of outcome.commands ?? []) {
    const command = 'step' in issued ? issued.command : issued
    if (typeof command?.commandType !== 'string') fail(`'commands' holds something that is no command.`)
    if (command.commandId !== undefined)
      fail(`${command.commandType} has a command id; leave it out, the saga gives one.`)
    encodeJson(command.data ?? null)
  }
  for (const name of [...(outcome.cancelDeadlines ?? []), ...(outcome.deadlines ?? []).map((due) => due.name)]) {
    if (!definition.hasDeadline(name)) fail(`'onDeadline' lacks a function for ${name}.`)
  }
  for (const due of outcome.deadlines ?? []) {
    dueAtOf(due, '1970-01-01T00:00:00.000Z')
    encodeJson(due.data ?? null)
  }
  if (outcome.state !== undefined) encodeJson(outcome.state)
}

/** Year 10,000: later times are written with more digits, and would come too early in the order of texts. */
const lastTime = 253402300800000

/**
 * @param due as a saga gave it
 * @param now ISO-8601
 * @returns when it is due, ISO-8601
 * @throws {ValidationError} when it gives no time that a Date can hold
 */
export function dueAtOf({ name, dueAt, afterMs }: Deadline, now: string): string {
  if (dueAt !== undefined) return new Date(parseTimestamp(dueAt, `/deadlines/${name}/dueAt`, Number.NaN)).toISOString()
  const time = Date.parse(now) + (afterMs ?? Number.NaN)
  if (!(time >= 0 && time < lastTime)) {
    throw new InvalidDefinitionError(
      `Deadline ${name}: give 'dueAt' or 'afterMs', a number of milliseconds; it got ${String(afterMs)}.`,
    )
  }
  return new Date(time).toISOString()
}
