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

  test('may lie in the future', () => {
    const future = { ...data, startDate: '2199-01-01' }
    given(employment)
      .when('StartEmployment', future)
      .thenEvents([event('EmploymentStarted', future)])
  })
})
