/** What the metrics say of sagas: a few samples for each saga, however many instances there are. */

import type { Application, SagaOverview } from '@cim/core'
import { formatSample, header } from './exposition.ts'

/** The longest wait for the numbers, in milliseconds. */
const patienceMs = 1000

/** @returns nothing when there are no sagas, or the view store does not answer soon */
export async function sagaLines({ sagas }: Application): Promise<readonly string[]> {
  const overview = await within(sagas.overview())
  if (overview.length === 0) return []
  return [
    ...header('cim_saga_instances', 'gauge', 'Instances by status.'),
    ...overview.flatMap(({ sagaName, totals }) =>
      Object.entries(totals).map(([status, count]) =>
        formatSample('cim_saga_instances', ['saga', 'status'], [sagaName, status], count),
      ),
    ),
    ...header('cim_saga_deadlines_reached_total', 'counter', 'Deadlines reached since the start.'),
    ...overview.map(({ sagaName, deadlinesReached }) =>
      formatSample('cim_saga_deadlines_reached_total', ['saga'], [sagaName], deadlinesReached),
    ),
  ]
}

async function within(asking: Promise<readonly SagaOverview[]>): Promise<readonly SagaOverview[]> {
  const { promise, resolve } = Promise.withResolvers<readonly SagaOverview[]>()
  const timer = setTimeout(() => resolve([]), patienceMs)
  try {
    return await Promise.race([asking, promise])
  } catch {
    return []
  } finally {
    clearTimeout(timer)
  }
}
