/** Runs property-based tests so that a failure can be repeated. */

import { env } from 'node:process'
import fc from 'fast-check'

/**
 * Checks a property. A failure names its seed and path; to repeat it, run the same test file with `CIM_TEST_SEED` and
 * `CIM_TEST_PATH` in the environment.
 * @param property what must hold for every input
 * @param numRuns how many inputs to try
 */
export async function checkProperty<TInputs>(property: fc.IAsyncProperty<TInputs>, numRuns: number): Promise<void> {
  const { CIM_TEST_SEED: seed, CIM_TEST_PATH: path } = env
  await fc.assert(property, {
    numRuns,
    ...(seed === undefined ? undefined : { seed: Number(seed) }),
    ...(path === undefined ? undefined : { path }),
  })
}
