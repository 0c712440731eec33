/** Looks at what the functions of a saga gave, before anything of it counts. */

import { InvalidDefinitionError } from '../errors/input-errors.ts'
import { messageOf } from '../errors/message-of.ts'
import { problemWithId } from '../event-store/aggregate-ref.ts'
import { parseTimestamp } from '../event-store/event-store-options.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import { encodeJson } from '../event-store/json.ts'
import type { Command } from '../write-side/command.ts'
import type { SagaDefinition } from './saga.ts'
import type { CheckedOutcome, Deadline, SagaOutcome } from './saga-outcome.ts'

const outcomeNames = ['state', 'commands', 'deadlines', 'cancelDeadlines', 'completed', 'failed']
const mostKeys = 100

type Fail = (problem: string) => never

function failOf({ sagaName }: SagaDefinition): Fail {
  return (problem) => {
    throw new InvalidDefinitionError(`Saga ${sagaName}: ${problem}`)
  }
}

/**
 * @param definition the saga
 * @param given what its function gave
 * @param now ISO-8601
 * @returns a frozen copy
 * @throws {InvalidDefinitionError} when it is not what the saga's types ask for
 */
export function checkOutcome(definition: SagaDefinition, given: SagaOutcome, now: string): CheckedOutcome {
  const fail = failOf(definition)
  if (typeof given !== 'object' || given === null || Array.isArray(given) || given instanceof Promise) {
    fail(`a handler must give an outcome, an object, at once; it must not be asynchronous. It gave ${show(given)}.`)
  }
  const outcome = copyOf(given, 'an outcome', fail) as SagaOutcome
  const unknown = Object.keys(outcome).find((name) => !outcomeNames.includes(name))
  if (unknown !== undefined) fail(`an outcome has '${unknown}', which is unknown. Known: ${outcomeNames.join(', ')}.`)
  const { completed = false, failed } = outcome
  if (typeof completed !== 'boolean') fail(`'completed' must be true or false, got ${show(completed)}.`)
  if (failed !== undefined) checkReason(failed, fail)
  if (completed && failed !== undefined) fail(`an outcome is both 'completed' and 'failed'.`)
  const deadlineName = (name: unknown): string => {
    if (typeof name === 'string' && definition.hasDeadline(name)) return name
    return fail(`'onDeadline' lacks a function for ${show(name)}.`)
  }
  return {
    ...('state' in outcome ? { state: outcome.state } : undefined),
    commands: listOf(outcome, 'commands', fail).map((issued) => checkIssued(issued, fail)),
    deadlines: listOf(outcome, 'deadlines', fail).map((due) => checkDeadline(due as Deadline, deadlineName, now, fail)),
    cancelDeadlines: listOf(outcome, 'cancelDeadlines', fail).map(deadlineName),
    completed,
    failed,
  }
}

/**
 * @param definition the saga
 * @param step which is compensated
 * @param given what the saga's function gave
 * @returns a frozen copy
 * @throws {InvalidDefinitionError} when it is something else than commands
 */
export function checkCompensation(
  definition: SagaDefinition,
  step: string,
  given: readonly unknown[],
): readonly Command[] {
  const fail = failOf(definition)
  const place = `'compensate' of ${step}`
  const commands = copyOf(
    Array.from(given, (command) => command ?? null),
    place,
    fail,
  ) as readonly unknown[]
  return commands.map((command) => checkCommand(command, place, fail))
}

/**
 * @param definition the saga
 * @param given what its function `keys` gave
 * @returns each key once
 * @throws {InvalidDefinitionError} when one is no good identifier, or there are too many
 */
export function checkKeys(definition: SagaDefinition, given: readonly string[]): readonly string[] {
  const fail = failOf(definition)
  if (!Array.isArray(given)) return fail(`'keys' must give an array of strings, it gave ${show(given)}.`)
  const keys = [...new Set<string>(given)]
  if (keys.length > mostKeys) fail(`'keys' gave ${keys.length} keys; an instance has at most ${mostKeys}.`)
  for (const key of keys) {
    const problem = problemWithId(key)
    if (problem !== undefined) fail(`'keys' gave a key that is no identifier: it ${problem}.`)
  }
  return keys
}

function copyOf(given: unknown, place: string, fail: Fail): unknown {
  try {
    return deepFreeze(encodeJson(given).value)
  } catch (error) {
    return fail(`${place} must be plain JSON: ${messageOf(error)}.`)
  }
}

function listOf(outcome: SagaOutcome, name: 'commands' | 'deadlines' | 'cancelDeadlines', fail: Fail) {
  const list: unknown = outcome[name] ?? []
  return Array.isArray(list) ? (list as readonly unknown[]) : fail(`'${name}' must be an array, got ${show(list)}.`)
}

function checkIssued(issued: unknown, fail: Fail): CheckedOutcome['commands'][number] {
  if (typeof issued !== 'object' || issued === null || !('step' in issued)) {
    return { command: checkCommand(issued, `'commands'`, fail) }
  }
  const { step, command } = issued as { readonly step: unknown; readonly command?: unknown }
  if (typeof step !== 'string' || problemWithId(step) !== undefined) {
    return fail(`'commands' holds a step whose name is not a string of 1 to 200 characters: ${show(step)}.`)
  }
  return { command: checkCommand(command, `step ${step}`, fail), step }
}

function checkCommand(given: unknown, place: string, fail: Fail): Command {
  const command = given as Command | null | undefined
  if (typeof command?.commandType !== 'string' || command.commandType === '') {
    return fail(`${place} holds something that is no command: ${show(given)}.`)
  }
  for (const name of ['commandId', 'correlationId'] as const) {
    if (command[name] !== undefined)
      fail(`${place} holds a ${command.commandType} with its own ${name}; leave it out, the saga gives one.`)
  }
  return command
}

function checkDeadline(due: Deadline, nameOf: (name: unknown) => string, now: string, fail: Fail) {
  if (typeof due !== 'object' || due === null) fail(`'deadlines' holds something that is no deadline: ${show(due)}.`)
  const checked = { name: nameOf(due.name), dueAt: dueAtOf(due, now, fail) }
  return due.data === undefined ? checked : { ...checked, data: due.data }
}

/** Year 10,000: later times are written with more digits, and would come too early in the order of texts. */
const lastTime = 253402300800000

function dueAtOf({ name, dueAt, afterMs }: Deadline, now: string, fail: Fail): string {
  const hasOne = (dueAt === undefined) !== (afterMs === undefined)
  const time =
    dueAt === undefined ? Date.parse(now) + Number(afterMs) : parseTimestamp(dueAt, `/deadlines/${name}/dueAt`, 0)
  if (!hasOne || !(time >= 0 && time < lastTime) || (afterMs !== undefined && !(afterMs >= 0))) {
    fail(
      `deadline ${name}: give 'dueAt', from 1970 to 9999, or 'afterMs', a number of milliseconds from 0. ` +
        `It got ${show({ dueAt, afterMs })}.`,
    )
  }
  return new Date(time).toISOString()
}

function checkReason(reason: unknown, fail: Fail): void {
  const { code, message } = (reason ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === 'string' && code !== '' && typeof message === 'string') return
  fail(`'failed' must be { code, message }, two strings, got ${show(reason)}.`)
}

/** Shows what came, in short. */
function show(given: unknown): string {
  if (typeof given === 'function' || typeof given === 'symbol') return `a ${typeof given}`
  if (given instanceof Promise) return 'a promise'
  return (JSON.stringify(given) ?? String(given)).slice(0, 200)
}
