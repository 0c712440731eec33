import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { givenEvents, pastEvent } from '@cim/testing'
import { employment } from '../employment.ts'
import { organization } from '../organization.ts'
import { person } from '../person.ts'
import { covers, type EmploymentView, employmentView, endingFrom } from './employment-view.ts'

const parties = { personId: person.id('ada'), organizationId: organization.id('works') }
const data = { ...parties, role: 'Analyst', startDate: '2020-03-01' }
const started = pastEvent(employment, 'e1', 'EmploymentStarted', data, { timestamp: '2026-01-01T08:00:00.000Z' })
const ended = pastEvent(employment, 'e1', 'EmploymentEnded', { ...parties, endDate: '2021-03-01', reason: 'left' })
const view: EmploymentView = {
  employmentId: employment.id('e1'),
  ...data,
  lastUpdated: '2026-01-01T08:00:00.000Z',
}

describe('the view of employments', () => {
  test('shows the start, then the end', async () => {
    await givenEvents(employmentView, [started]).thenView('e1', view)
    await givenEvents(employmentView, [started, ended]).thenView('e1', {
      ...view,
      endDate: '2021-03-01',
      endReason: 'left',
    })
  })

  test('finds employments by their ends, open ones last', async () => {
    await givenEvents(employmentView, [started]).thenFound('end', '9999-12-31', ['e1'])
    await givenEvents(employmentView, [started, ended]).thenFound('end', '2021-03-01', ['e1'])
    await givenEvents(employmentView, [started, ended]).thenFound('person', 'ada\t2021-03-01', ['e1'])
    await givenEvents(employmentView, [started, ended]).thenFound('organization', 'works\t2021-03-01', ['e1'])
  })
})

describe('the days of an employment', () => {
  test('reach from the start date to the day before the end date', () => {
    const period = { startDate: '2020-03-01', endDate: '2021-03-01' }
    const days = ['2020-02-29', '2020-03-01', '2021-02-28', '2021-03-01']
    assert.deepEqual(
      days.map((day) => covers(period, day)),
      [false, true, true, false],
    )
    assert.equal(covers({ startDate: '2020-03-01' }, '9998-01-01'), true)
    assert.equal(covers({ startDate: '2020-03-01', endDate: '2020-03-01' }, '2020-03-01'), false)
  })

  test('are looked for among the ends from that day on, of that id alone', () => {
    const { from, before } = endingFrom('works', '2020-01-01')
    const isFound = (key: string): boolean => String(from) <= key && key < String(before)
    const keys = [
      'works\t2019-12-31',
      'works\t2020-01-01',
      'works\t9999-12-31',
      'works2\t2020-01-01',
      'work\t2020-01-01',
    ]
    assert.deepEqual(keys.map(isFound), [false, true, true, false, false])
  })
})
