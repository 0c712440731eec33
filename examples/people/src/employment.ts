/** A person's work for an organization, from a first day to a last, and whether HR has been told of it. */

import { defineAggregate, type EntityId, event, type Rejection, reject } from '@cim/core'
import { z } from 'zod'
import { calendarDate, organizationId, personId, reason, role } from './schemas.ts'

/** What an employment's decisions depend on. */
export interface EmploymentState {
  readonly status: 'NotStarted' | 'Started' | 'Ended'
  readonly personId?: EntityId<'Person'>
  readonly organizationId?: EntityId<'Organization'>
  readonly role?: string
  readonly startDate?: string
  readonly endDate?: string
  /** How far HR has been told of it; nobody has asked for that when left out. */
  readonly hrNotification?: 'Requested' | 'Escalated' | 'Confirmed'
}

const initialState: EmploymentState = { status: 'NotStarted' }
const parties = { personId, organizationId }

/**
 * An employment covers a day when `startDate <= day < endDate`: the end date is the first day without it, so that one
 * which follows without a break starts on the day on which the other ends. One that ends on its start date covers no day:
 * it was agreed and never taken up. Both dates may lie in the past or in the future.
 */
export const employment = defineAggregate('Employment', {
  events: {
    EmploymentStarted: z.object({ ...parties, role, startDate: calendarDate }),
    // Names the parties again: who reads that an employment has ended wants to know whose.
    EmploymentEnded: z.object({
      ...parties,
      endDate: calendarDate,
      reason,
      /** HR has been told of the employment, or is going to be: it is to be told of the end too. */
      isKnownToHR: z.boolean().optional(),
    }),
    HRNotificationRequested: z.object({ ...parties, role, startDate: calendarDate }),
    HRNotificationEscalated: z.object(parties),
    HRNotified: z.object(parties),
  },
  commands: {
    /** Person and organization are not looked up: they are decided on elsewhere, and may become known later. */
    StartEmployment: z.strictObject({ ...parties, role, startDate: calendarDate }),
    EndEmployment: z.strictObject({ endDate: calendarDate, reason }),
    /** Asks for HR to be told of the employment. The reaction HRNotifier does that, and confirms it. */
    NotifyHR: z.strictObject({}),
    EscalateHRNotification: z.strictObject({}),
    /** Says that HR knows. Somebody who has called them can send it too. */
    ConfirmHRNotification: z.strictObject({}),
  },
  initialState,
  decide: {
    StartEmployment: (state, { data }) =>
      state.status === 'NotStarted'
        ? [event('EmploymentStarted', data)]
        : reject('employment-started', `This employment started on ${state.startDate} already.`),
    EndEmployment: (state, { data }) => {
      const terms = termsOf(state)
      if (terms === undefined) return notFound
      if (state.status === 'Ended') return refusalOfEnded(state)
      const { personId, organizationId, startDate } = terms
      if (data.endDate < startDate)
        return reject('end-before-start', `The end date, ${data.endDate}, lies before the start, ${startDate}.`)
      const ended = { personId, organizationId, ...data }
      return [event('EmploymentEnded', state.hrNotification === undefined ? ended : { ...ended, isKnownToHR: true })]
    },
    NotifyHR: (state) => {
      const terms = termsOf(state)
      if (terms === undefined) return notFound
      if (state.status === 'Ended') return refusalOfEnded(state)
      return state.hrNotification === undefined ? [event('HRNotificationRequested', terms)] : []
    },
    EscalateHRNotification: (state) => {
      const terms = termsOf(state)
      if (terms === undefined) return notFound
      const { personId, organizationId } = terms
      if (state.hrNotification === undefined) return reject('hr-not-asked', 'Nobody has asked for HR to be told of it.')
      return state.hrNotification === 'Requested'
        ? [event('HRNotificationEscalated', { personId, organizationId })]
        : []
    },
    ConfirmHRNotification: (state) => {
      const terms = termsOf(state)
      if (terms === undefined) return notFound
      const { personId, organizationId } = terms
      return state.hrNotification === 'Confirmed' ? [] : [event('HRNotified', { personId, organizationId })]
    },
  },
  apply: {
    EmploymentStarted: (_, { data }) => ({ status: 'Started', ...data }),
    EmploymentEnded: (state, { data }) => ({ ...state, status: 'Ended', endDate: data.endDate }),
    HRNotificationRequested: (state) => ({ ...state, hrNotification: 'Requested' }),
    HRNotificationEscalated: (state) => ({ ...state, hrNotification: 'Escalated' }),
    HRNotified: (state) => ({ ...state, hrNotification: 'Confirmed' }),
  },
})

/** @returns what was agreed when it started, undefined when it has not */
function termsOf({ personId, organizationId, role, startDate }: EmploymentState) {
  if (personId === undefined || organizationId === undefined || role === undefined || startDate === undefined) return
  return { personId, organizationId, role, startDate }
}

const notFound: Rejection = reject(
  'employment-not-found',
  'There is no such employment. Check the id, or start it first.',
)

function refusalOfEnded({ endDate }: EmploymentState): Rejection {
  return reject('employment-ended', `This employment ended on ${endDate} already.`)
}
