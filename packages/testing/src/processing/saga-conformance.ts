/** The tests of sagas that every set of stores passes. */

import { describe } from 'node:test'
import { bankTests } from './bank.ts'
import type { OpenPlace } from './processing-place.ts'
import { sagaTakeOverTests, sagaTests } from './saga-tests.ts'

/**
 * Registers with node:test what sagas promise over stores that several processes use. The processes are applications in this
 * one; they stand still, end and begin again, and their time is moved by the tests.
 * @param name of the adapters, for the report
 * @param openPlace opens an empty place, in which several processes may open their stores
 * @see docs/guarantees.md
 */
export function sagaConformance(name: string, openPlace: OpenPlace): void {
  describe(`sagas: ${name}`, () => {
    describe('start and end', () => sagaTests(bankTests(openPlace)))
    describe('taking over', () => sagaTakeOverTests(bankTests(openPlace)))
  })
}
