/** The tests that every view store passes. */

import { describe } from 'node:test'
import type { ViewStore } from '@cim/core'
import type { OpenStore } from '../conformance/opened-store.ts'
import { storeTests } from '../conformance/store-tests.ts'
import { buildTests } from './build-tests.ts'
import { commitTests } from './commit-tests.ts'
import { dropTests } from './drop-tests.ts'
import { findTests } from './find-tests.ts'
import { indexTests } from './index-tests.ts'
import { listTests } from './list-tests.ts'
import { modelTests } from './model-tests.ts'
import { progressCommitTests } from './progress-commit-tests.ts'
import { viewLifetimeTests } from './view-lifetime-tests.ts'
import { viewStringTests } from './view-string-tests.ts'

/**
 * Registers with node:test what a view store promises: guarantees 7 and 11.
 *
 * Random tests name their seed when they fail. Run the file again with `CIM_TEST_SEED` set to it to see the same inputs.
 * @param name of the adapter, for the report
 * @param openStore opens an empty store
 * @see docs/guarantees.md
 */
export function viewStoreConformance(name: string, openStore: OpenStore<ViewStore>): void {
  const tests = storeTests(openStore)
  describe(`view store: ${name}`, () => {
    describe('commits', () => commitTests(tests))
    describe('commits with progress', () => progressCommitTests(tests))
    describe('finding', () => findTests(tests))
    describe('indexes', () => indexTests(tests))
    describe('listing and counting', () => listTests(tests))
    describe('builds', () => buildTests(tests))
    describe('dropping', () => dropTests(tests))
    describe('strings', () => viewStringTests(tests))
    describe('any commits', () => modelTests(tests))
    describe('lifetime', () => viewLifetimeTests(tests))
  })
}
