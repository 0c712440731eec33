/** A human known to an organization. */

import { canonicalJson, defineAggregate, event, type Rejection, reject } from '@cim/core'
import { z } from 'zod'
import { type PersonName, personName, personNameInput, toPersonName } from './person-name.ts'
import { calendarDate, dayOf, organizationId, personId, reason, role } from './schemas.ts'

/** Deceased and Merged are final. */
export type PersonStatus = 'NotCreated' | 'Active' | 'Inactive' | 'Deceased' | 'Merged'

/** What a person's decisions depend on. */
export interface PersonState {
  readonly status: PersonStatus
  readonly legalName?: PersonName | undefined
  readonly email?: string | undefined
  readonly dateOfBirth?: string | undefined
  readonly dateOfDeath?: string
  /** The person that this one turned out to be. */
  readonly mergedInto?: string
}

const initialState: PersonState = { status: 'NotCreated' }

/** What a person is created for: the saga HiringProcess sees to the employment. */
const hiring = { organizationId, role, startDate: calendarDate }
/** What a person is told. A hiring: that it came to nothing. */
const news = { about: z.enum(['hiring']), reason }

export const person = defineAggregate('Person', {
  events: {
    PersonCreated: z.object({
      legalName: personName,
      dateOfBirth: calendarDate.optional(),
      hiring: z.object(hiring).optional(),
    }),
    NameUpdated: z.object({ legalName: personName }),
    EmailChanged: z.object({ newEmail: z.string() }),
    BirthDateSet: z.object({ dateOfBirth: calendarDate }),
    DeathRecorded: z.object({ dateOfDeath: calendarDate }),
    PersonDeactivated: z.object({ reason }),
    PersonReactivated: z.object({ reason }),
    PersonMergedInto: z.object({ targetId: personId, reason }),
    PersonInformed: z.object(news),
  },
  commands: {
    CreatePerson: z.strictObject({
      legalName: personNameInput,
      dateOfBirth: calendarDate.optional(),
      hiring: z.strictObject(hiring).optional(),
    }),
    UpdateName: z.strictObject({ legalName: personNameInput }),
    ChangeEmail: z.strictObject({ newEmail: z.email().max(254) }),
    SetBirthDate: z.strictObject({ dateOfBirth: calendarDate }),
    RecordDeath: z.strictObject({ dateOfDeath: calendarDate }),
    DeactivatePerson: z.strictObject({ reason }),
    ReactivatePerson: z.strictObject({ reason }),
    /**
     * Two records turned out to be the same human. Addressed to the source, whose own life ends with it; the target's state
     * does not change. Naming the source once more guards against the classic mistake of swapping the two.
     */
    MergePersons: z.strictObject({ sourceId: personId, targetId: personId, reason }),
    InformPerson: z.strictObject(news),
  },
  initialState,
  decide: {
    CreatePerson: (state, { data }, { now }) => {
      if (state.status !== 'NotCreated') return reject('person-exists', 'This person exists already.')
      const created = event('PersonCreated', { ...data, legalName: toPersonName(data.legalName) })
      return refusalOfFutureBirth(data.dateOfBirth, now) ?? [created]
    },
    UpdateName: (state, { data }) => {
      const legalName = toPersonName(data.legalName)
      const isSame = canonicalJson(legalName) === canonicalJson(state.legalName)
      return refusalUnlessActive(state) ?? (isSame ? [] : [event('NameUpdated', { legalName })])
    },
    ChangeEmail: (state, { data }) =>
      refusalUnlessActive(state) ?? (state.email === data.newEmail ? [] : [event('EmailChanged', data)]),
    SetBirthDate: (state, { data }, { now }) => {
      const refusal = refusalUnlessActive(state) ?? refusalOfFutureBirth(data.dateOfBirth, now)
      if (refusal !== undefined) return refusal
      if (state.dateOfBirth === undefined) return [event('BirthDateSet', data)]
      if (state.dateOfBirth === data.dateOfBirth) return []
      return reject('birth-date-set', `The birth date was set to ${state.dateOfBirth} and cannot be changed.`)
    },
    RecordDeath: (state, { data }, { now }) => {
      if (data.dateOfDeath > dayOf(now)) return reject('death-in-future', `${data.dateOfDeath} lies in the future.`)
      if (state.dateOfBirth !== undefined && data.dateOfDeath < state.dateOfBirth) {
        return reject('death-before-birth', `${data.dateOfDeath} lies before the birth on ${state.dateOfBirth}.`)
      }
      return refusalUnlessLiving(state) ?? [event('DeathRecorded', data)]
    },
    DeactivatePerson: (state, { data }) => refusalUnlessActive(state) ?? [event('PersonDeactivated', data)],
    ReactivatePerson: (state, { data }) => {
      if (state.status === 'Active') return reject('person-active', 'This person is active already.')
      return refusalUnlessLiving(state) ?? [event('PersonReactivated', data)]
    },
    MergePersons: (state, { data: { sourceId, targetId, reason }, aggregateId }) => {
      if (sourceId !== aggregateId) {
        return reject('merge-source-mismatch', `Send the command to its source, ${sourceId}, not to ${aggregateId}.`)
      }
      if (sourceId === targetId) return reject('self-merge', 'A person cannot be merged into itself.')
      return refusalUnlessLiving(state) ?? [event('PersonMergedInto', { targetId, reason })]
    },
    InformPerson: (state, { data }) => refusalUnlessLiving(state) ?? [event('PersonInformed', data)],
  },
  apply: {
    PersonCreated: (_, { data: { hiring: _hiring, ...data } }) => ({ status: 'Active', ...data }),
    NameUpdated: (state, { data }) => ({ ...state, ...data }),
    EmailChanged: (state, { data }) => ({ ...state, email: data.newEmail }),
    BirthDateSet: (state, { data }) => ({ ...state, ...data }),
    DeathRecorded: (state, { data }) => ({ ...state, ...data, status: 'Deceased' }),
    PersonDeactivated: (state) => ({ ...state, status: 'Inactive' }),
    PersonReactivated: (state) => ({ ...state, status: 'Active' }),
    PersonMergedInto: (state, { data }) => ({ ...state, status: 'Merged', mergedInto: data.targetId }),
    PersonInformed: (state) => state,
  },
})

/** Most things can be done with an active person only. */
function refusalUnlessActive(state: PersonState): Rejection | undefined {
  if (state.status === 'Inactive') return reject('person-inactive', 'This person is inactive. Reactivate it first.')
  return refusalUnlessLiving(state)
}

/** Some things can be done with an inactive person too; nothing with one whose record is closed. */
function refusalUnlessLiving(state: PersonState): Rejection | undefined {
  switch (state.status) {
    case 'NotCreated':
      return reject('person-not-found', 'There is no such person. Check the id, or create the person first.')
    case 'Deceased':
      return reject('person-deceased', `This person died on ${state.dateOfDeath}. The record is closed.`)
    case 'Merged':
      return reject('person-merged', `This person was merged into ${state.mergedInto}. Send the command there.`)
    default:
      return undefined
  }
}

function refusalOfFutureBirth(dateOfBirth: string | undefined, now: string): Rejection | undefined {
  if (dateOfBirth === undefined || dateOfBirth <= dayOf(now)) return undefined
  return reject('birth-date-in-future', `${dateOfBirth} lies in the future.`)
}
