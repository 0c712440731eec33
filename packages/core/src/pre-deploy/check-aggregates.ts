/** Replays every aggregate of a log through the current definitions, one after the other. */

import { decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import { parseWith } from '../schema/schema.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import { type CheckRun, differencesFrom, fingerprintOf, pagesOf } from './check-run.ts'
import { type AggregateFingerprint, aggregateLine } from './deploy-fingerprints.ts'
import { type DeployProblem, type DeployProblemKind, describeFailure } from './deploy-report.ts'

/** How much was replayed. */
export interface AggregateCounts {
  readonly events: number
  readonly aggregates: number
}

const eventsPerPage = 1000

/**
 * The log is read once by position; at each first event of an aggregate, the aggregate's own stream is loaded and folded.
 * So one state and two pages of events are in memory at a time, however many aggregates there are and however their
 * events are mixed, and each aggregate comes once, in the order of the first events.
 */
export async function checkAggregates(
  run: CheckRun,
  definitions: readonly AggregateDefinition[],
): Promise<AggregateCounts> {
  const byType = new Map(definitions.map((definition) => [definition.aggregateType, definition]))
  let events = 0
  let aggregates = 0
  let inLog = 0
  let inStreams = 0
  for await (const page of pagesOf(run, 0, run.head)) {
    for (const event of page.events) {
      events++
      const definition = byType.get(event.aggregateType)
      if (definition === undefined || !Object.hasOwn(definition.events, event.eventType)) {
        report(run, 'unknown-event', event, () =>
          definition === undefined
            ? `no aggregate of type ${event.aggregateType} is defined`
            : `${event.aggregateType} defines no event ${event.eventType}`,
        )
      }
      if (definition === undefined) continue
      inLog++
      if (event.sequence !== 1) continue
      aggregates++
      inStreams += await checkAggregate(run, definition, event)
    }
    run.onProgress({ phase: 'aggregates', position: page.position, head: run.head })
  }
  for (let left = run.previous?.aggregate; left !== undefined; left = run.previous?.aggregate) await passOver(run)
  if (inLog !== inStreams) {
    run.problems.add('broken-stream', 'event store', () => ({
      message: `the log has ${inLog} events of defined aggregates, their streams have ${inStreams}. Verify the event store`,
    }))
  }
  return { events, aggregates }
}

/** @returns how many events its stream has */
async function checkAggregate(
  run: CheckRun,
  definition: AggregateDefinition,
  first: DomainEventEnvelope,
): Promise<number> {
  const { aggregateType, aggregateId } = first
  const previous = await takePrevious(run, first)
  let state: unknown = definition.initialState
  let isFolded = true
  let version = 0
  let count = 0
  let last = first
  let isCompared = previous === undefined
  for (;;) {
    const loaded = await run.eventStore.loadEvents(
      { aggregateType, aggregateId },
      { fromVersion: version + 1, limit: eventsPerPage },
    )
    const page = loaded.filter(({ position }) => position <= run.head)
    for (const event of page) {
      count++
      if (event.sequence !== version + 1) {
        report(run, 'broken-stream', event, () => `it comes after sequence ${version}`, aggregateType)
      }
      version = event.sequence
      last = event
      const next = await applyChecked(run, definition, state, event, isFolded)
      if (next === undefined) isFolded = false
      else state = next.state
      if (previous?.version === version) {
        isCompared = true
        if (isFolded) compareState(run, previous, event, state)
      }
    }
    if (loaded.length === 0 || page.length < loaded.length) break
  }
  if (!isCompared) {
    report(
      run,
      'missing',
      last,
      () => `the previous code knew version ${previous?.version}, the log has ${version}`,
      aggregateType,
    )
  }
  if (run.save === undefined) return count
  const hash = isFolded ? hashOf(run, last, state) : undefined
  const kept = run.withStates && hash !== undefined ? { state } : undefined
  await run.save(aggregateLine({ aggregateType, aggregateId, firstPosition: first.position, version, hash, ...kept }))
  return count
}

/** @returns the next state, undefined when there is none: what follows can be checked, but not folded */
async function applyChecked(
  run: CheckRun,
  definition: AggregateDefinition,
  state: unknown,
  event: DomainEventEnvelope,
  isFolded: boolean,
): Promise<{ readonly state: unknown } | undefined> {
  const schema = Object.hasOwn(definition.events, event.eventType) ? definition.events[event.eventType] : undefined
  const unchanged = isFolded ? { state } : undefined
  if (schema === undefined) return unchanged
  let decoded: ReturnType<typeof decodeEvent>
  try {
    decoded = decodeEvent(event, definition.upcasters)
  } catch (error) {
    report(run, 'undecodable', event, () => describeFailure(error instanceof Error ? (error.cause ?? error) : error))
    return undefined
  }
  try {
    await parseWith(schema, decoded.data, 'event')
  } catch (error) {
    report(run, 'invalid-data', event, () => describeFailure(error))
  }
  if (!isFolded) return undefined
  try {
    // Frozen as the runtime's are: an `apply` that changes a state in place fails here and not later.
    return { state: deepFreeze(definition.apply(state, decoded)) }
  } catch (error) {
    report(run, 'fold-failed', event, () => describeFailure(error))
    return undefined
  }
}

/** @returns what the previous code made of the aggregate; those that this log does not have are passed over */
async function takePrevious(run: CheckRun, first: DomainEventEnvelope): Promise<AggregateFingerprint | undefined> {
  const { previous } = run
  while (previous?.aggregate !== undefined && previous.aggregate.firstPosition < first.position) await passOver(run)
  const found = previous?.aggregate
  if (found?.firstPosition !== first.position) return undefined
  if (found.aggregateType !== first.aggregateType || found.aggregateId !== first.aggregateId) {
    await passOver(run)
    return undefined
  }
  await previous?.next()
  return found
}

async function passOver(run: CheckRun): Promise<void> {
  const passed = run.previous?.aggregate
  if (passed !== undefined) {
    run.problems.add('missing', passed.aggregateType, () => ({
      message:
        'the previous code folded it, this code does not: its type is not defined, or this is another event store',
      position: passed.firstPosition,
      aggregateType: passed.aggregateType,
      aggregateId: passed.aggregateId,
    }))
  }
  await run.previous?.next()
}

function compareState(run: CheckRun, previous: AggregateFingerprint, event: DomainEventEnvelope, state: unknown): void {
  if (previous.hash === undefined) return
  const hash = hashOf(run, event, state)
  if (hash === undefined || hash === previous.hash) return
  run.problems.add('state-differs', event.aggregateType, () => ({
    ...placeOf(event),
    message: `another state after version ${event.sequence}`,
    ...differencesFrom(previous.state, state),
  }))
}

function hashOf(run: CheckRun, event: DomainEventEnvelope, state: unknown): number | undefined {
  try {
    return fingerprintOf(state)
  } catch (error) {
    report(run, 'not-json', event, () => describeFailure(error).replace(/^its data/, 'its state'), event.aggregateType)
    return undefined
  }
}

function report(
  run: CheckRun,
  kind: DeployProblemKind,
  event: DomainEventEnvelope,
  message: () => string,
  subject = `${event.aggregateType}.${event.eventType}`,
): void {
  run.problems.add(kind, subject, () => ({ ...placeOf(event), message: message() }))
}

/** @returns where the event stands */
export function placeOf({
  position,
  aggregateType,
  aggregateId,
  sequence,
}: DomainEventEnvelope): Omit<DeployProblem, 'message'> {
  return { position, aggregateType, aggregateId, sequence }
}
