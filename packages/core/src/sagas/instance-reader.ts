/** Reads the view of all instances. */

import { InvalidOptionError } from '../errors/input-errors.ts'
import { parseTimestamp } from '../event-store/event-store-options.ts'
import type { ReadModel } from '../read-side/read-model.ts'
import type { DueDeadline } from './deadline-timer.ts'
import {
  type CountedStatus,
  dueValue,
  keyValue,
  noTotals,
  type SagaDocument,
  type SagaIndex,
  type SagaTotals,
  type SagaView,
  sagaViewId,
  statusPrefix,
} from './saga-instances.ts'

/** Which instances to list. */
export interface SagaFilter {
  readonly sagaName: string
  readonly status?: CountedStatus
  /** Only instances to which nothing has happened since this time, ISO-8601. Needs a status. */
  readonly quietSince?: string
  /** Go on after this instance, the last one of the page before. */
  readonly after?: Pick<SagaView, 'sagaId' | 'status' | 'updatedAt'>
  /** 1 to 10,000; 100 when left out. */
  readonly limit?: number
}

/** Deadlines that are due, and when the next one is: milliseconds since 1970. */
export interface DueDeadlines {
  readonly due: readonly DueDeadline[]
  readonly next: number | undefined
}

/** Reads the view when it has seen a position. */
export type ReadInstances = (consistency: {
  readonly afterPosition: number
  readonly waitMs: number
  readonly signal?: AbortSignal
}) => ReadModel<SagaDocument, SagaIndex>

/** How long a saga waits for the view before it tries again. */
const viewWaitMs = 10_000
const dueAtOnce = 500
const pageSize = 1000
const anyState = { afterPosition: 0, waitMs: 0 }

/** What the runtime and operators ask the view. */
export class InstanceReader {
  readonly #read: ReadInstances

  constructor(read: ReadInstances) {
    this.#read = read
  }

  /** @returns the ids of all instances with a key that have not ended, as of a position */
  async idsByKey(
    sagaName: string,
    key: string,
    afterPosition: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const instances = this.#read({ afterPosition, waitMs: viewWaitMs, signal })
    const equals = keyValue(sagaName, key)
    const ids: string[] = []
    let after: { readonly value: string; readonly id: string } | undefined
    for (;;) {
      const page = after === undefined ? { equals, limit: pageSize } : { equals, limit: pageSize, after }
      const rows = await instances.findRows('key', page)
      ids.push(...rows.map(({ view }) => (view as SagaView).sagaId))
      const last = rows.at(-1)
      if (last === undefined || rows.length < pageSize) return ids
      after = { value: equals, id: last.id }
    }
  }

  /**
   * @param time milliseconds since 1970
   * @returns some of those that are due at that time, the earliest first
   */
  async due(sagaName: string, time: number, afterPosition: number, signal: AbortSignal): Promise<DueDeadlines> {
    const instances = this.#read({ afterPosition, waitMs: viewWaitMs, signal })
    const after = dueValue(sagaName, new Date(time + 1).toISOString())
    const rows = await instances.findRows('dueAt', { from: dueValue(sagaName, ''), before: after, limit: dueAtOnce })
    const due = new Map<string, DueDeadline>()
    for (const { view } of rows as readonly { readonly view: SagaView }[]) {
      for (const { deadlineId, dueAt } of view.deadlines) {
        if (Date.parse(dueAt) <= time) due.set(deadlineId, { sagaId: view.sagaId, deadlineId })
      }
    }
    const [next] = await instances.findRows('dueAt', { from: after, before: dueValue(sagaName, '~'), limit: 1 })
    return {
      due: [...due.values()],
      next: next === undefined ? undefined : Date.parse(String(next.value).slice(sagaName.length + 1)),
    }
  }

  /** @returns how many instances each of these sagas has, by status */
  async totals(sagaNames: readonly string[]): Promise<readonly SagaTotals[]> {
    const documents = (await this.#read(anyState).getMany(sagaNames)) as readonly SagaTotals[]
    const known = new Map(documents.map((document) => [document.sagaName, document]))
    return sagaNames.map((sagaName) => known.get(sagaName) ?? { sagaName, totals: noTotals })
  }

  /** @throws {InvalidOptionError} when `quietSince` is given without a status @throws {ValidationError} when it is no time */
  async find(filter: SagaFilter): Promise<readonly SagaView[]> {
    const { sagaName, status, quietSince, after, limit = 100 } = filter
    const prefix = status === undefined ? `${sagaName} ` : statusPrefix(sagaName, status)
    const range = quietSince === undefined ? { prefix } : { from: prefix, before: prefix + quietTime(filter) }
    const place = (last: Pick<SagaView, 'sagaId' | 'status' | 'updatedAt'>) => ({
      value: statusPrefix(sagaName, last.status) + last.updatedAt,
      id: sagaViewId(sagaName, last.sagaId),
    })
    const page = after === undefined ? { ...range, limit } : { ...range, limit, after: place(after) }
    return (await this.#read(anyState).find('status', page)) as readonly SagaView[]
  }

  /** @returns an instance, undefined when there is none */
  async get(sagaName: string, sagaId: string): Promise<SagaView | undefined> {
    return (await this.#read(anyState).get(sagaViewId(sagaName, sagaId))) as SagaView | undefined
  }
}

/** In the form in which the view has it, so that the order of texts is that of times. */
function quietTime({ status, quietSince }: SagaFilter): string {
  if (status === undefined) {
    throw new InvalidOptionError('find', 'quietSince', `needs 'status': give one, for instance 'Running'.`)
  }
  return new Date(parseTimestamp(quietSince, '/quietSince', 0)).toISOString()
}
