/** A person's work for an organization, from a first day to a last. */

import { defineAggregate, type EntityId, event, reject } from '@cim/core'
import { z } from 'zod'
import { calendarDate, line, organizationId, personId, reason } from './schemas.ts'

/** What an employment's decisions depend on. */
export interface EmploymentState {
  readonly status: 'NotStarted' | 'Started' | 'Ended'
  readonly personId?: EntityId<'Person'>
  readonly organizationId?: EntityId<'Organization'>
  readonly role?: string
  readonly startDate?: string
  readonly endDate?: string
}

const initialState: EmploymentState = { status: 'NotStarted' }
const parties = { personId, organizationId }
const role = line(200)

/**
 * An employment covers a day when `startDate <= day < endDate`: the end date is the first day without it, so that one
 * which follows without a break starts on the day on which the other ends. One that ends on its start date covers no day:
 * it was agreed and never taken up. Both dates may lie in the past or in the future.
 */
export const employment = defineAggregate('Employment', {
  events: {
    EmploymentStarted: z.object({ ...parties, role, startDate: calendarDate }),
    // Names the parties again: who reads that an employment has ended wants to know whose.
    EmploymentEnded: z.object({ ...parties, endDate: calendarDate, reason }),
  },
  commands: {
    /** Person and organization are not looked up: they are decided on elsewhere, and may become known later. */
    StartEmployment: z.strictObject({ ...parties, role, startDate: calendarDate }),
    EndEmployment: z.strictObject({ endDate: calendarDate, reason }),
  },
  initialState,
  decide: {
    StartEmployment: (state, { data }) =>
      state.status === 'NotStarted'
        ? [event('EmploymentStarted', data)]
        : reject('employment-started', `This employment started on ${state.startDate} already.`),
    EndEmployment: (state, { data }) => {
      const { status, personId, organizationId, startDate, endDate } = state
      if (status === 'Ended') return reject('employment-ended', `This employment ended on ${endDate} already.`)
      if (personId === undefined || organizationId === undefined || startDate === undefined)
        return reject('employment-not-found', 'There is no such employment. Check the id, or start it first.')
      if (data.endDate < startDate)
        return reject('end-before-start', `The end date, ${data.endDate}, lies before the start, ${startDate}.`)
      return [event('EmploymentEnded', { personId, organizationId, ...data })]
    },
  },
  apply: {
    EmploymentStarted: (_, { data }) => ({ status: 'Started', ...data }),
    EmploymentEnded: (state, { data }) => ({ ...state, status: 'Ended', endDate: data.endDate }),
  },
})
