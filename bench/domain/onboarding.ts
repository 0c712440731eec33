/** The saga that benchmarks run: two steps after a person was registered, with a deadline and a compensation. */

import { deadline, defineSaga, step } from '@cim/core'
import { person } from './person.ts'

interface OnboardingState {
  readonly stage: 'new' | 'addressed' | 'done'
}

const initialState: OnboardingState = { stage: 'new' }
const address = { street: 'Main Street 1', postalCode: '12345', city: 'Springfield', country: 'US' }

/** How many steps, commands that are issued and whose outcome is recorded, each instance takes. */
export const stepsPerInstance = 2

/** A registered person gets an address, then a note, each through a command. */
export const onboarding = defineSaga('Onboarding', {
  from: [person],
  initialState,
  startedBy: { PersonRegistered: ({ aggregateId }) => aggregateId },
  concerns: { AddressChanged: ({ aggregateId }) => aggregateId, NoteAdded: ({ aggregateId }) => aggregateId },
  on: {
    PersonRegistered: (_, { aggregateId }) => ({
      commands: [step('Settle', person.command('ChangeAddress', address, { aggregateId }))],
      deadlines: [deadline('Settled', { afterMs: 86_400_000 })],
    }),
    AddressChanged: (_, { aggregateId }) => ({
      state: { stage: 'addressed' },
      commands: [person.command('AddNote', { author: 'Registry', text: 'Has settled.' }, { aggregateId })],
    }),
    NoteAdded: (_) => ({ state: { stage: 'done' }, completed: true }),
  },
  onDeadline: { Settled: () => ({ failed: { code: 'not-settled', message: 'The person did not settle in time.' } }) },
  compensate: {
    Settle: (_, { sagaId }) =>
      person.command('AddNote', { author: 'Registry', text: 'Has not settled.' }, { aggregateId: person.id(sagaId) }),
  },
})
