/** The tests that every progress store passes. */

import { describe } from 'node:test'
import type { ProgressStore } from '@cim/core'
import type { OpenStore } from '../conformance/opened-store.ts'
import { storeTests } from '../conformance/store-tests.ts'
import { claimTests } from './claim-tests.ts'
import { deadLetterChangeTests } from './dead-letter-change-tests.ts'
import { deadLetterListTests } from './dead-letter-list-tests.ts'
import { movingTests } from './moving-tests.ts'
import { progressLifetimeTests } from './progress-lifetime-tests.ts'
import { progressModelTests } from './progress-model-tests.ts'
import { progressStringTests } from './progress-string-tests.ts'
import { saveTests } from './save-tests.ts'

/**
 * Registers with node:test what a progress store promises: guarantees 7 and 9.
 *
 * Random tests name their seed when they fail. Run the file again with `CIM_TEST_SEED` set to it to see the same inputs.
 * @param name of the adapter, for the report
 * @param openStore opens an empty store; it is closed after each test when it is an `AsyncDisposable`
 * @see docs/guarantees.md
 */
export function progressStoreConformance(name: string, openStore: OpenStore<ProgressStore>): void {
  const tests = storeTests(openStore)
  describe(`progress store: ${name}`, () => {
    describe('claims', () => claimTests(tests))
    describe('saves', () => saveTests(tests))
    describe('pausing and moving', () => movingTests(tests))
    describe('listing dead letters', () => deadLetterListTests(tests))
    describe('retrying and giving up', () => deadLetterChangeTests(tests))
    describe('strings', () => progressStringTests(tests))
    describe('any steps', () => progressModelTests(tests))
    describe('lifetime', () => progressLifetimeTests(tests))
  })
}
