/** Finds out why a service should not be sent requests. */

import { type Application, isCimError } from '@cim/core'

/** The longest wait for a store, in milliseconds. */
const patienceMs = 1000

/** With the waits between attempts, a processor fails for some seconds before it has failed this often in a row. */
const toleratedFailures = 4

/**
 * @param application that is asked
 * @returns a sentence per reason, with nothing in it that is nobody's business; none when it is ready
 */
export async function findUnreadiness(application: Application): Promise<readonly string[]> {
  const [projection] = application.projections
  const problems = await Promise.all([
    problemWith('event store', () => application.eventStore.headPosition()),
    projection === undefined
      ? undefined
      : problemWith('view store', () => application.viewStore.getCheckpoint(projection)),
  ])
  const processors = application.processors.map(({ processorName, state, failures }) => {
    if (state === 'stopped') return `Processor ${processorName} is stopped.`
    return failures > toleratedFailures
      ? `Processor ${processorName} has failed ${failures} times in a row.`
      : undefined
  })
  return [...problems, ...processors].filter((problem) => problem !== undefined)
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
