/** The view of all instances of all sagas: for operators, for finding instances by key, and for deadlines. */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { DomainEvent } from '../event-store/domain-event.ts'
import { defineProjection, type ProjectionDefinition, type ProjectionHandler } from '../read-side/projection.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import { type SagaEvent, sagaEventTypes } from './saga-events.ts'
import { applySagaEvent, hasEnded, instanceVersion, type SagaInstance, type SagaStatus } from './saga-instance.ts'

/** An instance as operators see it. */
export interface SagaView extends SagaInstance {
  readonly sagaName: string
  readonly sagaId: string
  /** ISO-8601 in UTC. */
  readonly startedAt: string
  /** When something last happened to it, ISO-8601 in UTC. */
  readonly updatedAt: string
}

/** A status that is counted. */
export type CountedStatus = Exclude<SagaStatus, 'NotStarted'>

/** How many instances of a saga there are, by status. */
export interface SagaTotals {
  readonly sagaName: string
  readonly totals: Readonly<Record<CountedStatus, number>>
}

/** One document of the view. */
export type SagaDocument = SagaView | SagaTotals

/** How documents are found. */
export type SagaIndex = 'status' | 'key' | 'dueAt'

const anyDocument: StandardSchemaV1<unknown, SagaDocument> = {
  '~standard': { version: 1, vendor: 'cim', validate: (value) => ({ value: value as SagaDocument }) },
}

/** Separates parts of an index value; names of sagas do not have it. */
const separator = ' '

/** @returns the id of an instance's document */
export function sagaViewId(sagaName: string, sagaId: string): string {
  return `${sagaName}${separator}${sagaId}`
}

/** @returns the values of the index `status` between which instances of a status lie, ordered by `updatedAt` */
export function statusPrefix(sagaName: string, status: SagaStatus): string {
  return `${sagaName}${separator}${status}${separator}`
}

/** @returns the value of the index `key` */
export function keyValue(sagaName: string, key: string): string {
  return `${sagaName}${separator}${key}`
}

/** @returns the value of the index `dueAt`; @param dueAt ISO-8601 in UTC, empty for the least value */
export function dueValue(sagaName: string, dueAt: string): string {
  return `${sagaName}${separator}${dueAt}`
}

/**
 * @param journals those of all sagas of the application
 * @returns the projection that keeps the view
 */
export function defineSagaInstances(
  journals: readonly AggregateDefinition<string, SagaInstance>[],
): ProjectionDefinition<SagaDocument, SagaIndex> {
  const initial = new Map(journals.map(({ aggregateType, initialState }) => [aggregateType, initialState]))
  const handle: ProjectionHandler<DomainEvent, SagaDocument> = (event, views) => {
    const { aggregateType: sagaName, aggregateId: sagaId, timestamp: updatedAt } = event
    views.update(sagaViewId(sagaName, sagaId), (document) => {
      const before = document as SagaView | undefined
      const instance = before ?? (initial.get(sagaName) as SagaInstance)
      const after = applySagaEvent(instance, event as unknown as SagaEvent)
      return { ...after, sagaName, sagaId, startedAt: before?.startedAt ?? updatedAt, updatedAt }
    })
    const change = totalsChangedBy(event as unknown as SagaEvent)
    if (change === undefined) return
    const [from, to] = change
    views.update(sagaName, (document) => {
      const totals = { ...((document as SagaTotals | undefined)?.totals ?? noTotals) }
      if (from !== undefined) totals[from]--
      totals[to]++
      return { sagaName, totals }
    })
  }
  return defineProjection('SagaInstances', {
    from: journals,
    version: instanceVersion,
    schema: anyDocument,
    indexes: {
      status: (document) =>
        'totals' in document ? undefined : statusPrefix(document.sagaName, document.status) + document.updatedAt,
      key: (document) =>
        'totals' in document || hasEnded(document) ? [] : document.keys.map((key) => keyValue(document.sagaName, key)),
      dueAt: (document) =>
        'totals' in document ? [] : document.deadlines.map(({ dueAt }) => dueValue(document.sagaName, dueAt)),
    },
    on: Object.fromEntries(sagaEventTypes.map((eventType) => [eventType, handle])) as never,
  }) as ProjectionDefinition<SagaDocument, SagaIndex>
}

/** Those of a saga that has no instance. */
export const noTotals: SagaTotals['totals'] = { Running: 0, Stuck: 0, Compensating: 0, Completed: 0, Failed: 0 }

/** An instance is in one of them at a time: it leaves the first, when there is one, and enters the second. */
function totalsChangedBy({
  eventType,
  data,
}: SagaEvent): readonly [from: CountedStatus | undefined, to: CountedStatus] | undefined {
  switch (eventType) {
    case 'SagaStarted':
      return [undefined, 'Running']
    case 'SagaStuck':
      return [data.stuckWhile, 'Stuck']
    case 'SagaRetried':
    case 'SagaCancelled':
      return data.resumes === undefined ? undefined : ['Stuck', data.resumes]
    case 'CompensationStarted':
      return ['Running', 'Compensating']
    case 'SagaCompleted':
      return ['Running', 'Completed']
    case 'SagaFailed':
      return ['Compensating', 'Failed']
    default:
      return undefined
  }
}
