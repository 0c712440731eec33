import { describe, test } from 'node:test'
import { givenEvents, pastEvent } from '@cim/testing'
import { person } from '../person.ts'
import { type PersonView, personView } from './person-view.ts'

const legalName = { full: 'Ada Lovelace', first: 'Ada', last: 'Lovelace' }
const created = pastEvent(person, 'ada', 'PersonCreated', { legalName }, { timestamp: '2026-01-01T08:00:00.000Z' })
const at = { timestamp: '2026-01-02T09:00:00.000Z' }
const ada: PersonView = {
  personId: person.id('ada'),
  name: 'Ada Lovelace',
  legalName,
  status: 'Active',
  mergedIds: [],
  lastUpdated: '2026-01-01T08:00:00.000Z',
}
const later: PersonView = { ...ada, lastUpdated: at.timestamp }

describe('the view of persons', () => {
  test('begins with the name', async () => {
    await givenEvents(personView, [created]).thenView('ada', ada)
  })

  test('follows every change', async () => {
    const changed = { full: 'Ada King' }
    const reason = 'a reason'
    const changes: readonly (readonly [ReturnType<typeof pastEvent>, PersonView])[] = [
      [
        pastEvent(person, 'ada', 'NameUpdated', { legalName: changed }, at),
        { ...later, name: 'Ada King', legalName: changed },
      ],
      [
        pastEvent(person, 'ada', 'EmailChanged', { newEmail: 'Ada@example.org' }, at),
        { ...later, email: 'Ada@example.org' },
      ],
      [
        pastEvent(person, 'ada', 'BirthDateSet', { dateOfBirth: '1815-12-10' }, at),
        { ...later, dateOfBirth: '1815-12-10' },
      ],
      [
        pastEvent(person, 'ada', 'DeathRecorded', { dateOfDeath: '1852-11-27' }, at),
        { ...later, dateOfDeath: '1852-11-27', status: 'Deceased' },
      ],
      [pastEvent(person, 'ada', 'PersonDeactivated', { reason }, at), { ...later, status: 'Inactive' }],
      [pastEvent(person, 'ada', 'PersonReactivated', { reason }, at), later],
    ]
    for (const [event, view] of changes) await givenEvents(personView, [created, event]).thenView('ada', view)
  })

  test('finds a person by e-mail address, whatever its case, and no longer by the former one', async () => {
    const views = givenEvents(personView, [
      created,
      pastEvent(person, 'ada', 'EmailChanged', { newEmail: 'old@example.org' }),
      pastEvent(person, 'ada', 'EmailChanged', { newEmail: 'Ada@Example.org' }),
    ])
    await views.thenFound('email', 'ada@example.org', ['ada'])
    await views.thenFound('email', 'old@example.org', [])
  })

  test('finds a person by every word of the name, and no longer by the former one', async () => {
    const renamed = pastEvent(person, 'ada', 'NameUpdated', { legalName: { full: 'Ada King' } })
    const views = givenEvents(personView, [created, renamed])
    await views.thenFound('name', 'king', ['ada'])
    await views.thenFound('name', 'ada king', ['ada'])
    await views.thenFound('name', 'lovelace', [])
  })

  test('leads from a merged person to the one that is left, and finds only that one', async () => {
    const views = givenEvents(personView, [
      created,
      pastEvent(person, 'countess', 'PersonCreated', { legalName: { full: 'Ada King' } }),
      pastEvent(person, 'countess', 'PersonMergedInto', { targetId: person.id('ada'), reason: 'the same' }, at),
    ])
    await views.thenView('ada', { ...later, mergedIds: [person.id('countess')] })
    await views.thenFound('name', 'ada king', [])
    await views.thenFound('name', 'ada lovelace', ['ada'])
  })

  test('knows a merge into a person who is created only afterwards', async () => {
    const merged = pastEvent(person, 'countess', 'PersonMergedInto', { targetId: person.id('ada'), reason: 'the same' })
    await givenEvents(personView, [merged, created]).thenView('ada', { ...ada, mergedIds: [person.id('countess')] })
  })
})
