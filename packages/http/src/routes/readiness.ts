/** Finds out why a service should not be sent requests. */

import { type Application, isCimError } from '@cim/core'

/** The longest wait for a store, in milliseconds. */
const patienceMs = 1000

/** With the waits between attempts, a processor fails for some seconds before it has failed this often in a row. */
const toleratedFailures = 4

/** Whether a service should be sent requests. Its sentences hold nothing that is nobody's business. */
export interface Readiness {
  /** Why not; none when it is ready. */
  readonly reasons: readonly string[]
  /** What someone should look at, though requests are answered. */
  readonly warnings: readonly string[]
}

/** @param application that is asked */
export async function findReadiness(application: Application): Promise<Readiness> {
  const [projection] = application.projections
  const problems = await Promise.all([
    problemWith('event store', () => application.eventStore.headPosition()),
    projection === undefined
      ? undefined
      : problemWith('view store', () => application.viewStore.getCheckpoint(projection)),
  ])
  const failing = application.processors.map(({ processorName, state, failures }) => {
    if (state === 'stopped') return `Processor ${processorName} is stopped.`
    return failures > toleratedFailures
      ? `Processor ${processorName} has failed ${failures} times in a row.`
      : undefined
  })
  // One event that cannot be processed is no reason to stop everyone: it waits, and its aggregate's events with it.
  const warnings = application.processors.flatMap(({ processorName, state, heldSequences }) => [
    ...(state === 'paused' ? [`Processor ${processorName} is paused.`] : []),
    ...(heldSequences > 0 ? [`Processor ${processorName} holds back the events of ${aggregates(heldSequences)}.`] : []),
  ])
  return { reasons: [...problems, ...failing].filter((problem) => problem !== undefined), warnings }
}

function aggregates(count: number): string {
  return count === 1 ? '1 aggregate' : `${count} aggregates`
}

async function problemWith(store: string, ask: () => Promise<unknown>): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const timer = setTimeout(() => resolve(`The ${store} does not answer within ${patienceMs} ms.`), patienceMs)
  try {
    return await Promise.race([ask().then(() => undefined), promise])
  } catch (error) {
    return `The ${store} does not answer (${isCimError(error) ? error.code : 'internal'}).`
  } finally {
    clearTimeout(timer)
  }
}
