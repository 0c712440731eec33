/** Which instances of sagas a request asks for, page by page. */

import type { CountedStatus, SagaOverview, Sagas, SagaView } from '@cim/core'
import { durationForm, parseDuration } from '../../request/duration.ts'
import type { QueryString } from '../../request/query-string.ts'

/** The parameters that say which instances are meant. */
export const filterNames: readonly string[] = ['saga', 'status', 'quietFor']

/** Those that somebody may have to look at come first. */
const statuses: readonly CountedStatus[] = ['Stuck', 'Compensating', 'Running', 'Failed', 'Completed']
/** Nothing can happen any more to the others. */
const alive: readonly CountedStatus[] = ['Stuck', 'Compensating', 'Running']

/** In lists. The whole message and the stack are shown with the instance. */
const longestMessage = 1000
const cursor = /^([^:]+):([A-Za-z]+):(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z):(.{1,200})$/su

/** One page of instances. */
export interface InstancePage {
  readonly instances: readonly object[]
  /** Give it as `after` to get the next page; undefined when there is none. */
  readonly next: string | undefined
}

/**
 * @param sagas those of the application
 * @param known all of them, by name
 * @param given the request's parameters
 * @returns instances by saga and status, those that have been quiet for longest first
 * @throws {ValidationError} when a parameter cannot be understood
 * @throws {UnknownNameError} when there is no such saga
 */
export async function findInstances(
  sagas: Sagas,
  known: readonly SagaOverview[],
  given: QueryString,
): Promise<InstancePage> {
  const limit = given.wholeNumber('limit', { least: 1, most: 1000 }) ?? 100
  const groups = groupsIn(known, given)
  const quietSince = quietSinceIn(given)
  const start = startIn(groups, given)
  const found: SagaView[] = []
  for (const group of groups.slice(start.index)) {
    const after = found.length === 0 && group === groups[start.index] ? start.after : undefined
    const page = await sagas.find({
      ...group,
      // One more says whether there is another page.
      limit: limit + 1 - found.length,
      ...(quietSince === undefined ? undefined : { quietSince }),
      ...(after === undefined ? undefined : { after }),
    })
    found.push(...page)
    if (found.length > limit) break
  }
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  const next = found.length > limit && last !== undefined ? nextAfter(last) : undefined
  return { instances: shown.map(inList), next }
}

interface Group {
  readonly sagaName: string
  readonly status: CountedStatus
}

function groupsIn(known: readonly SagaOverview[], given: QueryString): readonly Group[] {
  const sagaName = given.one('saga')
  const status = given.one('status')
  if (status !== undefined && !(statuses as readonly string[]).includes(status)) {
    throw given.invalid('status', `must be one of ${statuses.join(', ')}`)
  }
  const wanted =
    status === undefined ? (given.one('quietFor') === undefined ? statuses : alive) : [status as CountedStatus]
  // An unknown name is an error, not an empty list: it is looked for.
  const names = sagaName === undefined ? known.map((one) => one.sagaName) : [sagaName]
  return names.toSorted().flatMap((name) => wanted.map((one) => ({ sagaName: name, status: one })))
}

function quietSinceIn(given: QueryString): string | undefined {
  const text = given.one('quietFor')
  if (text === undefined) return undefined
  const quietMs = parseDuration(text)
  if (quietMs === undefined) throw given.invalid('quietFor', `${durationForm}, got ${JSON.stringify(text)}`)
  // A longer time than there has been finds nothing.
  return new Date(Math.max(0, Date.now() - quietMs)).toISOString()
}

function startIn(
  groups: readonly Group[],
  given: QueryString,
): { readonly index: number; readonly after?: Pick<SagaView, 'sagaId' | 'status' | 'updatedAt'> } {
  const text = given.one('after')
  if (text === undefined) return { index: 0 }
  const [, sagaName, status, updatedAt = '', sagaId = ''] = cursor.exec(text) ?? []
  const index = groups.findIndex((group) => group.sagaName === sagaName && group.status === status)
  const group = groups[index]
  if (group === undefined) throw given.invalid('after', 'must be what the page before gave as next')
  return { index, after: { sagaId, status: group.status, updatedAt } }
}

function nextAfter({ sagaName, status, updatedAt, sagaId }: SagaView): string {
  return [sagaName, status, updatedAt, sagaId].join(':')
}

/** An instance among others: numbers in place of what it waits for, and neither its state nor stacks. */
function inList(instance: SagaView): object {
  const { sagaName, sagaId, status, startedAt, updatedAt, correlationId, keys, doneSteps, failure, error } = instance
  const next = instance.deadlines.toSorted((one, other) => (one.dueAt < other.dueAt ? -1 : 1))[0]
  return {
    ...{ sagaName, sagaId, status, startedAt, updatedAt, correlationId, keys, doneSteps, failure },
    error: error === undefined ? undefined : { message: error.message.slice(0, longestMessage).toWellFormed() },
    pendingCommands: instance.pendingCommands.length,
    heldInputs: instance.held.length,
    nextDeadline: next === undefined ? undefined : { name: next.name, dueAt: next.dueAt },
  }
}
