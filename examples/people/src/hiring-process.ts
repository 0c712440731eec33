/** Hires a person who was created for it: the employment starts, HR is told, and what goes wrong on the way is taken back. */

import {
  type DomainEvent,
  deadline,
  defineSaga,
  deriveUuid,
  type EntityId,
  type RejectionReason,
  type SagaDefinition,
  step,
} from '@cim/core'
import { employment } from './employment.ts'
import { organization } from './organization.ts'
import { person } from './person.ts'
import { dayOf, toLine } from './schemas.ts'

/** Who is hired by whom, as what, from which day on. */
export interface Hiring {
  readonly personId: EntityId<'Person'>
  readonly organizationId: EntityId<'Organization'>
  readonly role: string
  readonly startDate: string
}

/** What the process remembers. */
export interface HiringState {
  readonly hiring?: Hiring
}

/** @returns the id of the employment that a person's hiring starts: always the same, so that it starts once */
export function employmentOf(personId: string): EntityId<'Employment'> {
  return employment.id(deriveUuid('Hiring', personId))
}

/** @returns the person whose hiring an employment's event is about, undefined for any other employment */
export function hiredBy({ aggregateId, data }: DomainEvent<string, { readonly personId: EntityId<'Person'> }>) {
  return (aggregateId as string) === employmentOf(data.personId) ? data.personId : undefined
}

const dayMs = 24 * 60 * 60 * 1000
const initialState: HiringState = {}

/**
 * PersonCreated -> StartEmployment -> EmploymentStarted -> NotifyHR -> HRNotified -> completed.
 * @param daysToNotifyHR when HR does not know by then, that is escalated; the process waits on
 * @see the mission's heading "Saga Pattern"
 */
export function defineHiringProcess(daysToNotifyHR = 3): SagaDefinition<HiringState> {
  return defineSaga('HiringProcess', {
    from: [person, organization, employment],
    // Whoever was created to be hired is hired, also when the process has forgotten how far it was.
    startAt: 'beginning',
    initialState,
    startedBy: {
      PersonCreated: ({ aggregateId, data }) => (data.hiring === undefined ? undefined : aggregateId),
    },
    concerns: {
      EmploymentStarted: hiredBy,
      HRNotified: hiredBy,
      OrganizationDissolved: ({ aggregateId }) => ({ key: aggregateId }),
    },
    keys: ({ hiring }) => (hiring === undefined ? [] : [hiring.organizationId]),
    on: {
      PersonCreated: (_, { aggregateId: personId, data }) => {
        if (data.hiring === undefined) return
        const hiring = { personId, ...data.hiring }
        return { state: { hiring }, commands: [step('Employ', start(hiring))] }
      },
      EmploymentStarted: (_, { aggregateId }) => ({
        commands: [employment.command('NotifyHR', {}, { aggregateId })],
        deadlines: [deadline('HRNotifiedInTime', { afterMs: daysToNotifyHR * dayMs })],
      }),
      HRNotified: () => ({ completed: true }),
      OrganizationDissolved: (_, { data }) => ({ failed: { code: 'organization-dissolved', message: data.reason } }),
    },
    onDeadline: {
      HRNotifiedInTime: (_, __, { sagaId }) => ({ commands: [escalate(sagaId)] }),
    },
    onRejected: {
      StartEmployment: (_, { reason }, { sagaId }) => ({ commands: [inform(sagaId, reason)], failed: reason }),
    },
    compensate: {
      Employ: {
        commands: ({ hiring }, { sagaId, now, reason }) => [
          end(sagaId, later(dayOf(now), hiring?.startDate), reason),
          inform(sagaId, reason),
        ],
        // Somebody else has ended it, or there is nobody to inform any more.
        unlessRejectedWith: ['employment-ended', 'person-deceased', 'person-merged'],
      },
    },
  })
}

function start(hiring: Hiring) {
  return employment.command('StartEmployment', hiring, { aggregateId: employmentOf(hiring.personId) })
}

function escalate(personId: string) {
  return employment.command('EscalateHRNotification', {}, { aggregateId: employmentOf(personId) })
}

function end(personId: string, endDate: string, { message }: RejectionReason) {
  const data = { endDate, reason: toLine(message, 500) }
  return employment.command('EndEmployment', data, { aggregateId: employmentOf(personId) })
}

function inform(personId: string, { message }: RejectionReason) {
  const data = { about: 'hiring', reason: toLine(message, 500) } as const
  return person.command('InformPerson', data, { aggregateId: person.id(personId) })
}

function later(one: string, other = one): string {
  return one > other ? one : other
}
