import { describe, test } from 'node:test'
import { event } from '@cim/core'
import { given } from '@cim/testing'
import { organization } from './organization.ts'
import { person } from './person.ts'

const legalName = { full: 'Ada Lovelace' }
const reason = 'a reason'
const sourceId = person.id('ada')
const targetId = person.id('countess')
const merge = { sourceId, targetId, reason }

const created = event('PersonCreated', { legalName })
const born = event('BirthDateSet', { dateOfBirth: '1815-12-10' })
const deactivated = event('PersonDeactivated', { reason })
const reactivated = event('PersonReactivated', { reason })
const died = event('DeathRecorded', { dateOfDeath: '1852-11-27' })
const merged = event('PersonMergedInto', { targetId, reason })

const active = given(person, [created], { aggregateId: 'ada' })
const inactive = given(person, [created, deactivated], { aggregateId: 'ada' })
const deceased = given(person, [created, died], { aggregateId: 'ada' })
const gone = given(person, [created, merged], { aggregateId: 'ada' })

/** One command of each kind that changes an active person. */
const changes = {
  UpdateName: { legalName: 'Ada King' },
  ChangeEmail: { newEmail: 'ada@example.org' },
  SetBirthDate: { dateOfBirth: '1815-12-10' },
  DeactivatePerson: { reason },
} as const

describe('creating a person', () => {
  test('a name is enough, as it is written', () => {
    given(person).when('CreatePerson', { legalName: 'Ada Lovelace' }).thenEvents([created])
  })

  test('a name in parts is put together, and keeps its parts', () => {
    const parts = { first: 'Sanford', middle: 'D.', last: 'Bishop', suffix: 'Jr.', nickname: 'Sandy' }
    given(person)
      .when('CreatePerson', { legalName: parts })
      .thenEvents([event('PersonCreated', { legalName: { ...parts, full: 'Sanford D. Bishop Jr.' } })])
    const official = { ...parts, full: 'Sanford D. Bishop, Jr.' }
    given(person)
      .when('CreatePerson', { legalName: official })
      .thenEvents([event('PersonCreated', { legalName: official })])
  })

  test('a birth date may be known from the beginning', () => {
    const data = { legalName: 'Ada Lovelace', dateOfBirth: '1815-12-10' }
    given(person).when('CreatePerson', data).thenState({ status: 'Active', dateOfBirth: '1815-12-10' })
  })

  test('the event says what the person is hired for', () => {
    const hiring = { organizationId: organization.id('works'), role: 'Analyst', startDate: '2026-07-01' }
    given(person)
      .when('CreatePerson', { legalName: 'Ada Lovelace', hiring })
      .thenEvents([event('PersonCreated', { legalName, hiring })])
  })

  test('a person is created once', () => {
    active.when('CreatePerson', { legalName: 'Ada Lovelace' }).thenRejected('person-exists')
    gone.when('CreatePerson', { legalName: 'Ada Lovelace' }).thenRejected('person-exists')
  })

  test('nobody is born in the future', () => {
    const now = '2026-03-01T23:00:00.000Z'
    const bornOn = (dateOfBirth: string) => ({ legalName: 'Ada', dateOfBirth })
    given(person).when('CreatePerson', bornOn('2026-03-02'), { now }).thenRejected('birth-date-in-future')
    given(person).when('CreatePerson', bornOn('2026-03-01'), { now }).thenState({ status: 'Active' })
    active.when('SetBirthDate', { dateOfBirth: '2026-03-02' }, { now }).thenRejected('birth-date-in-future')
  })
})

describe('changing a person', () => {
  test('an active person has name, e-mail address and birth date changed', () => {
    active
      .when('UpdateName', changes.UpdateName)
      .thenEvents([event('NameUpdated', { legalName: { full: 'Ada King' } })])
    active.when('ChangeEmail', changes.ChangeEmail).thenEvents([event('EmailChanged', changes.ChangeEmail)])
    active.when('SetBirthDate', changes.SetBirthDate).thenEvents([born])
  })

  test('what is so already changes nothing', () => {
    const changed = event('EmailChanged', { newEmail: 'ada@example.org' })
    active.when('UpdateName', { legalName: 'Ada Lovelace' }).thenNothing()
    given(person, [created, changed]).when('ChangeEmail', changes.ChangeEmail).thenNothing()
    given(person, [created, born]).when('SetBirthDate', changes.SetBirthDate).thenNothing()
  })

  test('a birth date is set once', () => {
    given(person, [created, born]).when('SetBirthDate', { dateOfBirth: '1815-12-11' }).thenRejected('birth-date-set')
  })

  test('an inactive person is not changed until it is reactivated', () => {
    for (const [name, data] of Object.entries(changes)) {
      inactive.when(name as 'ChangeEmail', data as never).thenRejected('person-inactive')
    }
    inactive.when('ReactivatePerson', { reason }).thenEvents([reactivated]).thenState({ status: 'Active' })
    active.when('DeactivatePerson', { reason }).thenEvents([deactivated]).thenState({ status: 'Inactive' })
  })

  test('an active person is not reactivated', () => {
    active.when('ReactivatePerson', { reason }).thenRejected('person-active')
  })

  test('nobody who was not created is changed', () => {
    const nobody = given(person, [], { aggregateId: 'ada' })
    for (const [name, data] of Object.entries(changes)) {
      nobody.when(name as 'ChangeEmail', data as never).thenRejected('person-not-found')
    }
    nobody.when('RecordDeath', { dateOfDeath: '1852-11-27' }).thenRejected('person-not-found')
    nobody.when('ReactivatePerson', { reason }).thenRejected('person-not-found')
    nobody.when('MergePersons', merge).thenRejected('person-not-found')
  })
})

describe('death', () => {
  test('is recorded for the active and the inactive', () => {
    active.when('RecordDeath', { dateOfDeath: '1852-11-27' }).thenEvents([died])
    inactive.when('RecordDeath', { dateOfDeath: '1852-11-27' }).thenState({ status: 'Deceased' })
  })

  test('lies neither before the birth nor in the future', () => {
    given(person, [created, born]).when('RecordDeath', { dateOfDeath: '1815-12-09' }).thenRejected('death-before-birth')
    active
      .when('RecordDeath', { dateOfDeath: '2026-03-02' }, { now: '2026-03-01T00:00:00.000Z' })
      .thenRejected('death-in-future')
  })

  test('is final', () => {
    for (const [name, data] of Object.entries(changes)) {
      deceased.when(name as 'ChangeEmail', data as never).thenRejected('person-deceased')
    }
    deceased.when('RecordDeath', { dateOfDeath: '1852-11-28' }).thenRejected('person-deceased')
    deceased.when('ReactivatePerson', { reason }).thenRejected('person-deceased')
    deceased.when('MergePersons', merge).thenRejected('person-deceased')
  })
})

describe('informing a person', () => {
  const news = { about: 'hiring', reason: 'Out of money.' } as const

  test('is recorded for the active and the inactive, and changes nothing else', () => {
    active
      .when('InformPerson', news)
      .thenEvents([event('PersonInformed', news)])
      .thenState({ status: 'Active' })
    inactive.when('InformPerson', news).thenState({ status: 'Inactive' })
  })

  test('is refused when there is nobody to inform', () => {
    given(person).when('InformPerson', news).thenRejected('person-not-found')
    deceased.when('InformPerson', news).thenRejected('person-deceased')
    gone.when('InformPerson', news).thenRejected('person-merged')
  })
})

describe('merging', () => {
  test('ends the source, active or not', () => {
    active.when('MergePersons', merge).thenEvents([merged]).thenState({ status: 'Merged', mergedInto: 'countess' })
    inactive.when('MergePersons', merge).thenEvents([merged])
  })

  test('is refused when it reaches another person than the source, so that nobody mixes up the two', () => {
    given(person, [created], { aggregateId: 'countess' })
      .when('MergePersons', merge)
      .thenRejected('merge-source-mismatch')
  })

  test('into itself is refused', () => {
    active.when('MergePersons', { ...merge, targetId: sourceId }).thenRejected('self-merge')
  })

  test('is final', () => {
    for (const [name, data] of Object.entries(changes)) {
      gone.when(name as 'ChangeEmail', data as never).thenRejected('person-merged')
    }
    gone.when('RecordDeath', { dateOfDeath: '1852-11-27' }).thenRejected('person-merged')
    gone.when('ReactivatePerson', { reason }).thenRejected('person-merged')
    gone.when('MergePersons', merge).thenRejected('person-merged')
  })
})
