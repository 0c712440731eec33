import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deadline, step } from '@cim/core'
import { givenSaga, pastEvent } from '@cim/testing'
import { employment } from './employment.ts'
import { defineHiringProcess, employmentOf } from './hiring-process.ts'
import { organization } from './organization.ts'
import { person } from './person.ts'

const personId = person.id('ada')
const organizationId = organization.id('works')
const aggregateId = employmentOf(personId)
const hiring = { organizationId, role: 'Analyst', startDate: '2026-07-01' }
const parties = { personId, organizationId }

const created = pastEvent(person, 'ada', 'PersonCreated', { legalName: { full: 'Ada Lovelace' }, hiring })
const started = pastEvent(employment, aggregateId, 'EmploymentStarted', { ...parties, ...hiring })
const notified = pastEvent(employment, aggregateId, 'HRNotified', parties)
const dissolved = pastEvent(organization, 'works', 'OrganizationDissolved', { reason: 'Out of money.' })

const start = employment.command('StartEmployment', { ...parties, ...hiring }, { aggregateId })
const notify = employment.command('NotifyHR', {}, { aggregateId })
const end = (endDate: string, reason: string) =>
  employment.command('EndEmployment', { endDate, reason }, { aggregateId })
const inform = (reason: string) =>
  person.command('InformPerson', { about: 'hiring', reason }, { aggregateId: personId })
const taken = { code: 'employment-started', message: 'It has started already.' }

const hiringProcess = defineHiringProcess()
const begun = { now: '2026-06-01T12:00:00.000Z' }

describe('the hiring process', () => {
  test('starts the employment, has HR notified, and is completed', () => {
    givenSaga(hiringProcess)
      .whenEvent(created)
      .thenCommands([step('Employ', start)])
      .whenEvent(started)
      .thenCommands([notify])
      .thenDeadlines([deadline('HRNotifiedInTime', { afterMs: 3 * 24 * 3_600_000 })])
      .whenEvent(notified)
      .thenCommands([])
      .thenDeadlines([])
      .thenCompleted()
  })

  test('starts the same employment whenever it is asked', () => {
    assert.equal(employmentOf('ada'), employmentOf('ada'))
    assert.notEqual(employmentOf('ada'), employmentOf('grace'))
  })

  test('begins with persons who are created to be hired, and looks at no other employment', () => {
    const plain = pastEvent(person, 'ada', 'PersonCreated', { legalName: { full: 'Ada Lovelace' } })
    givenSaga(hiringProcess, [], { sagaId: 'ada' }).whenEvent(plain).thenNothing()
    const other = pastEvent(employment, 'other', 'EmploymentStarted', { ...parties, ...hiring })
    givenSaga(hiringProcess, [created]).whenEvent(other).thenNothing()
  })

  test('has it escalated that HR is not notified in time, and waits on', () => {
    const escalate = employment.command('EscalateHRNotification', {}, { aggregateId })
    givenSaga(defineHiringProcess(5), [created, started])
      .whenDeadline('HRNotifiedInTime')
      .thenCommands([escalate])
      .whenEvent(notified)
      .thenCompleted()
  })

  test('ends the employment when the organization is dissolved, on its first day at the earliest', () => {
    givenSaga(hiringProcess, [created, started], begun)
      .whenEvent(dissolved)
      .thenCommands([end('2026-07-01', 'Out of money.'), inform('Out of money.')])
      .thenFailed('organization-dissolved')
    givenSaga(hiringProcess, [created, started], { now: '2026-08-15T12:00:00.000Z' })
      .whenEvent(dissolved)
      .thenCommands([end('2026-08-15', 'Out of money.'), inform('Out of money.')])
  })

  test('ends the employment also when it started only after the organization was dissolved', () => {
    givenSaga(hiringProcess, [created], { ...begun, underWay: ['StartEmployment'] })
      .whenEvent(dissolved)
      .thenCommands([])
      .whenAccepted('StartEmployment')
      .thenCommands([end('2026-07-01', 'Out of money.'), inform('Out of money.')])
      .thenFailed('organization-dissolved')
  })

  test('does not mind the dissolution once it is completed, or of another organization', () => {
    givenSaga(hiringProcess, [created, started, notified]).whenEvent(dissolved).thenNothing()
    const other = pastEvent(organization, 'others', 'OrganizationDissolved', { reason: 'Out of money.' })
    givenSaga(hiringProcess, [created, started]).whenEvent(other).thenNothing()
  })

  test('informs the person when the employment is refused, and has nothing to take back', () => {
    givenSaga(hiringProcess)
      .whenEvent(created)
      .whenRejected('StartEmployment', taken)
      .thenCommands([inform(taken.message)])
      .thenFailed('employment-started')
  })

  test('fails when HR may not be notified', () => {
    givenSaga(hiringProcess, [created], begun)
      .whenEvent(started)
      .whenRejected('NotifyHR', { code: 'employment-ended', message: 'It has ended.' })
      .thenCommands([end('2026-07-01', 'It has ended.'), inform('It has ended.')])
      .thenFailed('employment-ended')
  })

  test('has taken back what others have, and informs nobody who cannot be', () => {
    for (const [type, code] of [
      ['EndEmployment', 'employment-ended'],
      ['InformPerson', 'person-deceased'],
      ['InformPerson', 'person-merged'],
    ] as const) {
      givenSaga(hiringProcess, [created, started])
        .whenEvent(dissolved)
        .whenRejected(type, { code, message: 'Too late.' })
        .thenFailed('organization-dissolved')
    }
  })

  test('is stuck when the employment cannot be ended for another reason', () => {
    givenSaga(hiringProcess, [created, started])
      .whenEvent(dissolved)
      .whenRejected('EndEmployment', { code: 'forbidden', message: 'Not by you.' })
      .thenStuck('Not by you.')
  })

  test('makes a line of whatever words it is cancelled with', () => {
    givenSaga(hiringProcess, [created, started], begun)
      .whenCancelled('A mistake:\n\tsorry.')
      .thenCommands([end('2026-07-01', 'A mistake: sorry.'), inform('A mistake: sorry.')])
      .thenFailed('cancelled')
  })
})
