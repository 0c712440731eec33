import { describe, test } from 'node:test'
import { givenEvents, pastEvent } from '@cim/testing'
import { employment } from '../employment.ts'
import { employmentOf } from '../hiring-process.ts'
import { organization } from '../organization.ts'
import { person } from '../person.ts'
import { type HiringView, hiringView } from './hiring-view.ts'

const hiring = { organizationId: organization.id('works'), role: 'Analyst', startDate: '2026-07-01' }
const employmentId = employmentOf('ada')
const parties = { personId: person.id('ada'), organizationId: hiring.organizationId }
const legalName = { full: 'Ada Lovelace' }
const at = { timestamp: '2026-01-02T09:00:00.000Z' }
const created = pastEvent(person, 'ada', 'PersonCreated', { legalName, hiring }, at)
const started = pastEvent(employment, employmentId, 'EmploymentStarted', { ...parties, ...hiring })
const escalated = pastEvent(employment, employmentId, 'HRNotificationEscalated', parties)
const notified = pastEvent(employment, employmentId, 'HRNotified', parties)
const informed = pastEvent(person, 'ada', 'PersonInformed', { about: 'hiring', reason: 'Out of money.' })
const view: HiringView = { ...parties, ...hiring, employmentId, status: 'Employing', lastUpdated: at.timestamp }

describe('the view of hirings', () => {
  test('follows a hiring to its end', async () => {
    await givenEvents(hiringView, [created]).thenView('ada', view)
    await givenEvents(hiringView, [created, started]).thenView('ada', { ...view, status: 'NotifyingHR' })
    await givenEvents(hiringView, [created, started, escalated]).thenView('ada', { ...view, status: 'Escalated' })
    await givenEvents(hiringView, [created, started, escalated, notified]).thenView('ada', {
      ...view,
      status: 'Completed',
    })
    await givenEvents(hiringView, [created, started, informed]).thenView('ada', {
      ...view,
      status: 'Failed',
      reason: 'Out of money.',
    })
  })

  test('stays as a hiring has ended', async () => {
    await givenEvents(hiringView, [created, started, informed, notified]).thenView('ada', {
      ...view,
      status: 'Failed',
      reason: 'Out of money.',
    })
  })

  test('shows nobody who is not being hired, and no other employment of somebody who is', async () => {
    const other = pastEvent(employment, 'other', 'EmploymentStarted', { ...parties, ...hiring })
    const plain = pastEvent(person, 'ada', 'PersonCreated', { legalName })
    await givenEvents(hiringView, [plain, other, started, notified, informed]).thenNoView('ada')
    await givenEvents(hiringView, [created, other]).thenView('ada', view)
  })
})
