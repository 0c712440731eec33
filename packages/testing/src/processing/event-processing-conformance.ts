/** The tests of processing that every set of stores passes. */

import { describe } from 'node:test'
import { bankTests } from './bank.ts'
import type { OpenPlace } from './processing-place.ts'
import { effectTests, viewTests } from './processing-tests.ts'

/**
 * Registers with node:test what processing promises over stores that several processes use: guarantees 7 to 11. The processes
 * are applications in this one; they stand still, end and begin again, and their time is moved by the tests.
 * @param name of the adapters, for the report
 * @param openPlace opens an empty place, in which several processes may open their stores
 * @see docs/guarantees.md
 */
export function eventProcessingConformance(name: string, openPlace: OpenPlace): void {
  describe(`event processing: ${name}`, () => {
    describe('views', () => viewTests(bankTests(openPlace)))
    describe('reactions and queued commands', () => effectTests(bankTests(openPlace)))
  })
}
