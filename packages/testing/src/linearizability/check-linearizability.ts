/** Checks that an event store did everything it was asked to at one moment between the call and the answer. */

import { explainLog, hasAt, isAppend, isLoad, type Report } from './aggregate-log.ts'
import type { AppendOperation, LoadOperation, Operation, Violation } from './history.ts'
import { TimeLine } from './time-line.ts'

/**
 * Looks for an order of all operations on each aggregate that respects time (what ended before another began comes before it),
 * and in which every append and every load gets the answer that it got.
 *
 * Such searches take exponential time in general. Here they do not: event ids are unique and a log only grows, so the longest
 * load says which appends happened and in which order, and an answer says at which version it was given. What remains to be
 * chosen is the moment of each append in the log. Every operation bounds such a moment from one side: "not before I began",
 * "not after I ended". Moments that keep all bounds and rise with the versions exist exactly when no bound "not before" of an
 * append lies above a bound "not after" of the same or a later one. So the check is complete: it finds a violation exactly
 * when there is no such order.
 * @param history every operation of every process. Each aggregate must be loaded once after all else has ended. An append that
 *   is repeated has the same event ids each time.
 * @returns what no order explains; nothing when there is one
 * @throws {TypeError} when the history cannot be judged
 */
export function checkLinearizability(history: readonly Operation[]): readonly Violation[] {
  const violations: Violation[] = []
  for (const [aggregate, operations] of Map.groupBy(history, (operation) => operation.aggregate)) {
    checkHistory(aggregate, operations)
    checkAggregate(operations, (kind, message, ...involved) => {
      const told = involved.map((operation) => `\n  ${describe(operation)}`).join('')
      violations.push({ kind, aggregate, message: `${aggregate}: ${message}.${told}`, operations: involved })
    })
  }
  return violations
}

function checkAggregate(operations: readonly Operation[], report: Report): void {
  let isExplained = true
  const noted: Report = (...found) => {
    isExplained = false
    report(...found)
  }
  const { eventIds, appends } = explainLog(operations, noted)
  const line = new TimeLine(appends, report)
  for (const operation of operations) {
    if (isLoad(operation)) checkLoad(operation, eventIds, line, noted)
    else checkAppend(operation, eventIds, line, noted)
  }
  // Times say nothing about a log that nobody can have written.
  if (isExplained) line.check()
}

function checkLoad(load: LoadOperation, log: readonly string[], line: TimeLine, report: Report): void {
  const version = load.eventIds.length
  if (!hasAt(log, 0, load.eventIds)) report('other-log', 'a load saw other events than a longer one', load)
  else if (!line.isVersion(version)) report('torn', `a load saw ${version} events, and so an append in part`, load)
  else line.sees(load, version)
}

function checkAppend(append: AppendOperation, log: readonly string[], line: TimeLine, report: Report): void {
  const { expectedVersion, eventIds, outcome } = append
  switch (outcome.kind) {
    case 'stored': {
      const first = outcome.version - eventIds.length
      if (!hasAt(log, first, eventIds)) {
        if (eventIds.some((id) => log.includes(id))) {
          report('wrong-version', 'an append was acknowledged at another version than it has', append)
        } else report('lost', 'an append was acknowledged, and its events are not there', append)
      } else if (expectedVersion !== 'any' && expectedVersion !== first) {
        report('wrong-version', 'an append was acknowledged at another version than it expected', append)
      } else line.knows(append, outcome.version)
      return
    }
    case 'repeated': {
      const [id] = outcome.eventIds
      if (id === undefined) return
      const first = log.indexOf(id)
      const version = first + outcome.eventIds.length
      if (first < 0) report('lost', 'a repeat was told of events that are not there', append)
      else if (!hasAt(log, first, outcome.eventIds) || !line.isAppend(first, version)) {
        report('torn', 'a repeat was told of events that are not those of one append', append)
      } else line.knows(append, version)
      return
    }
    case 'conflict': {
      const { actualVersion } = outcome
      const isThere =
        expectedVersion !== 'any' &&
        expectedVersion + eventIds.length <= actualVersion &&
        hasAt(log, expectedVersion, eventIds)
      if (expectedVersion === 'any' || actualVersion === expectedVersion || isThere) {
        report('needless-conflict', 'an append was refused without a reason', append)
      } else if (!line.isVersion(actualVersion)) {
        report('other-log', `an append was told of version ${actualVersion}, which never was`, append)
      } else line.sees(append, actualVersion)
      return
    }
  }
}

function checkHistory(aggregate: string, operations: readonly Operation[]): void {
  const known = operations.filter((operation) => isLoad(operation) || operation.outcome.kind !== 'unknown')
  const last = operations.filter(isLoad).reduce((latest, { startedAt }) => Math.max(latest, startedAt), -Infinity)
  if (known.some((operation) => isAppend(operation) && operation.endedAt >= last)) {
    throw new TypeError(
      `The history of ${aggregate} has no load that began after all appends had ended. Load it once at the end.`,
    )
  }
  const first = new Map<string, AppendOperation>()
  for (const append of operations.filter(isAppend)) {
    if (append.eventIds.length === 0) throw new TypeError(`The history of ${aggregate} has an append without events.`)
    for (const id of append.eventIds) {
      const other = first.get(id) ?? append
      first.set(id, other)
      if (other.eventIds.join() === append.eventIds.join()) continue
      throw new TypeError(
        `The history of ${aggregate} has event ${id} in two appends that are not the same. Give each event an id.`,
      )
    }
  }
}

function describe({ process = 'a process', startedAt, endedAt, ...operation }: Operation): string {
  const when = `${process}, ${startedAt} to ${endedAt}:`
  if (operation.kind === 'load') {
    return `${when} loaded ${operation.eventIds.length} events, the last ${operation.eventIds.at(-1) ?? 'none'}`
  }
  const { eventIds, expectedVersion, outcome } = operation
  return `${when} appended ${eventIds.join(', ')} at version ${expectedVersion}: ${JSON.stringify(outcome)}`
}
