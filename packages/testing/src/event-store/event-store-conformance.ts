/** The tests that every event store passes. */

import { describe } from 'node:test'
import type { EventStore } from '@cim/core'
import type { OpenStore } from '../conformance/opened-store.ts'
import { storeTests } from '../conformance/store-tests.ts'
import { appendingTests } from './appending-tests.ts'
import { commandTests } from './command-tests.ts'
import { concurrencyTests } from './concurrency-tests.ts'
import { dataTests } from './data-tests.ts'
import { identifierTests } from './identifier-tests.ts'
import { lifetimeTests } from './lifetime-tests.ts'
import { limitTests } from './limit-tests.ts'
import { readingTests } from './reading-tests.ts'
import { repeatTests } from './repeat-tests.ts'
import { subjectTests } from './subject-tests.ts'
import { subscriptionLoadTests } from './subscription-load-tests.ts'
import { subscriptionTests } from './subscription-tests.ts'
import { timeTests } from './time-tests.ts'

/**
 * Registers with node:test what an event store promises: guarantees 1 to 6.
 *
 * Random tests name their seed when they fail. Run the file again with `CIM_TEST_SEED` set to it to see the same inputs.
 * @param name of the adapter, for the report
 * @param openStore opens an empty store with the given clock
 * @see docs/guarantees.md
 */
export function eventStoreConformance(name: string, openStore: OpenStore<EventStore>): void {
  const tests = storeTests(openStore)
  describe(`event store: ${name}`, () => {
    describe('appending', () => appendingTests(tests))
    describe('limits', () => limitTests(tests))
    describe('racing writers', () => concurrencyTests(tests))
    describe('repeated events', () => repeatTests(tests))
    describe('repeated commands', () => commandTests(tests))
    describe('data', () => dataTests(tests))
    describe('identifiers', () => identifierTests(tests))
    describe('reading', () => readingTests(tests))
    describe('time', () => timeTests(tests))
    describe('subjects', () => subjectTests(tests))
    describe('subscriptions', () => subscriptionTests(tests))
    describe('subscriptions under load', () => subscriptionLoadTests(tests))
    describe('lifetime', () => lifetimeTests(tests))
  })
}
