import { describe, test } from 'node:test'
import { event } from '@cim/core'
import { given } from '@cim/testing'
import { employment } from './employment.ts'
import { organization } from './organization.ts'
import { person } from './person.ts'

const parties = { personId: person.id('ada'), organizationId: organization.id('works') }
const data = { ...parties, role: 'Analyst', startDate: '2020-03-01' }
const reason = 'a reason'
const started = event('EmploymentStarted', data)
const ended = event('EmploymentEnded', { ...parties, endDate: '2021-03-01', reason })
const requested = event('HRNotificationRequested', data)
const escalated = event('HRNotificationEscalated', parties)
const notified = event('HRNotified', parties)

describe('an employment', () => {
  test('starts once', () => {
    given(employment).when('StartEmployment', data).thenEvents([started]).thenState({ status: 'Started' })
    given(employment, [started]).when('StartEmployment', data).thenRejected('employment-started')
    given(employment, [started, ended]).when('StartEmployment', data).thenRejected('employment-started')
  })

  test('ends once, and the event says whose it was', () => {
    given(employment, [started]).when('EndEmployment', { endDate: '2021-03-01', reason }).thenEvents([ended])
    given(employment, [started, ended])
      .when('EndEmployment', { endDate: '2022-03-01', reason })
      .thenRejected('employment-ended')
  })

  test('ends only after it has started', () => {
    given(employment).when('EndEmployment', { endDate: '2021-03-01', reason }).thenRejected('employment-not-found')
  })

  test('does not end before the day on which it starts; on that day it covers nothing', () => {
    const scenario = given(employment, [started])
    scenario.when('EndEmployment', { endDate: '2020-02-29', reason }).thenRejected('end-before-start')
    scenario.when('EndEmployment', { endDate: '2020-03-01', reason }).thenState({ endDate: '2020-03-01' })
  })

  test('has HR told of it once, and confirmed', () => {
    given(employment, [started]).when('NotifyHR', {}).thenEvents([requested])
    given(employment, [started, requested]).when('NotifyHR', {}).thenNothing()
    given(employment, [started, requested]).when('ConfirmHRNotification', {}).thenEvents([notified])
    given(employment, [started, requested, notified]).when('ConfirmHRNotification', {}).thenNothing()
    given(employment, [started, requested, notified]).when('NotifyHR', {}).thenNothing()
  })

  test('of which HR knows already need not be told of', () => {
    given(employment, [started]).when('ConfirmHRNotification', {}).thenEvents([notified])
    given(employment, [started, notified]).when('NotifyHR', {}).thenNothing()
  })

  test('has the notification of HR escalated once, and not when HR knows', () => {
    const scenario = given(employment, [started, requested])
    scenario.when('EscalateHRNotification', {}).thenEvents([escalated])
    given(employment, [started, requested, escalated]).when('EscalateHRNotification', {}).thenNothing()
    given(employment, [started, requested, escalated]).when('ConfirmHRNotification', {}).thenEvents([notified])
    given(employment, [started, requested, notified]).when('EscalateHRNotification', {}).thenNothing()
    given(employment, [started]).when('EscalateHRNotification', {}).thenRejected('hr-not-asked')
  })

  test('that has ended is not told of, but what was told before can still be confirmed', () => {
    given(employment, [started, ended]).when('NotifyHR', {}).thenRejected('employment-ended')
    given(employment, [started, requested, ended]).when('ConfirmHRNotification', {}).thenEvents([notified])
  })

  test('says that HR is to be told of its end when HR was told of the rest', () => {
    const end = { endDate: '2021-03-01', reason }
    const told = event('EmploymentEnded', { ...parties, ...end, isKnownToHR: true })
    for (const events of [[requested], [requested, escalated], [requested, notified]]) {
      given(employment, [started, ...events])
        .when('EndEmployment', end)
        .thenEvents([told])
    }
  })

  test('that was not started is not told of', () => {
    for (const name of ['NotifyHR', 'EscalateHRNotification', 'ConfirmHRNotification'] as const) {
      given(employment).when(name, {}).thenRejected('employment-not-found')
    }
  })

  test('may lie in the future', () => {
    const future = { ...data, startDate: '2199-01-01' }
    given(employment)
      .when('StartEmployment', future)
      .thenEvents([event('EmploymentStarted', future)])
  })
})
