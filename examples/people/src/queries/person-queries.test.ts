import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { organization } from '../organization.ts'
import { person } from '../person.ts'
import {
  changeEmail,
  createOrganization,
  createPerson,
  employ,
  employUntil,
  mergePersons,
} from '../test-support/commands.ts'
import { PeopleInMemory } from '../test-support/people-in-memory.ts'
import { findPersonsByEmail } from './find-persons-by-email.ts'
import { findPersonsByName } from './find-persons-by-name.ts'
import { findPersonsByOrganization } from './find-persons-by-organization.ts'
import { getPersonById } from './get-person-by-id.ts'

const works = createOrganization('works', 'Works')

describe('GetPersonById', () => {
  test('shows the person with the organizations of the day, today when none is given', async () => {
    await using people = await PeopleInMemory.start([
      createPerson('ada', 'Ada Lovelace'),
      changeEmail('ada', 'ada@example.org'),
      works,
      ...employUntil('ada', 'works', 'Analyst', '2020-01-01', '2022-01-01'),
      employ('ada', 'works', 'Director', '2022-01-01'),
    ])
    const personId = person.id('ada')
    const now = await people.query(getPersonById, { personId })
    assert.deepEqual(now, {
      personId,
      name: 'Ada Lovelace',
      legalName: { full: 'Ada Lovelace' },
      email: 'ada@example.org',
      status: 'Active',
      mergedIds: [],
      lastUpdated: '2026-06-01T00:00:00.000Z',
      organizations: [
        { organizationId: 'works', name: 'Works', role: 'Director', startDate: '2022-01-01', endDate: undefined },
      ],
    })
    const then = await people.query(getPersonById, { personId, onDate: '2021-12-31' })
    assert.deepEqual(
      then?.organizations.map(({ role, endDate }) => [role, endDate]),
      [['Analyst', '2022-01-01']],
    )
    assert.deepEqual((await people.query(getPersonById, { personId, onDate: '2019-12-31' }))?.organizations, [])
  })

  test('finds nobody who was not created, whatever else is known', async () => {
    await using people = await PeopleInMemory.start([
      createPerson('ada', 'Ada Lovelace'),
      mergePersons('ada', 'countess'),
      employ('bob', 'works', 'Analyst', '2020-01-01'),
    ])
    for (const id of ['countess', 'bob', 'nobody']) {
      assert.equal(await people.query(getPersonById, { personId: person.id(id) }), undefined)
    }
    assert.equal((await people.query(getPersonById, { personId: person.id('ada') }))?.mergedInto, 'countess')
  })

  test('shows the employments of merged records, even when two were merged into each other', async () => {
    await using people = await PeopleInMemory.start([
      works,
      ...['a', 'b', 'c'].flatMap((id) => [createPerson(id, id), employ(id, 'works', `as ${id}`, '2020-01-01')]),
      mergePersons('a', 'b'),
      mergePersons('b', 'c'),
      mergePersons('c', 'a'),
    ])
    const shown = await people.query(getPersonById, { personId: person.id('c') })
    assert.deepEqual(shown?.organizations.map(({ role }) => role).sort(), ['as a', 'as b', 'as c'])
  })
})

describe('FindPersonsByEmail', () => {
  test('finds everybody with the address, whatever its case, page by page', async () => {
    await using people = await PeopleInMemory.start(
      ['a', 'b', 'c'].flatMap((id) => [createPerson(id, id), changeEmail(id, 'Office@example.org')]),
    )
    const first = await people.query(findPersonsByEmail, { email: 'office@EXAMPLE.org', limit: 2 })
    assert.deepEqual(
      first?.items.map(({ name }) => name),
      ['a', 'b'],
    )
    assert.equal(first?.total, 3)
    const last = await people.query(findPersonsByEmail, {
      email: 'office@example.org',
      limit: 2,
      cursor: first?.nextCursor,
    })
    assert.deepEqual(
      last?.items.map(({ name }) => name),
      ['c'],
    )
    assert.equal(last?.nextCursor, undefined)
    assert.deepEqual((await people.query(findPersonsByEmail, { email: 'office@example.com' }))?.items, [])
  })
})

describe('FindPersonsByName', () => {
  test('finds a person by the beginning of any word, with or without case and accents', async () => {
    await using people = await PeopleInMemory.start([
      createPerson('velazquez', { first: 'Nydia', middle: 'M.', last: 'Velázquez' }),
      createPerson('reed', { full: 'Jack Reed', first: 'John', last: 'Reed' }),
      createPerson('ocasio', 'Alexandria Ocasio-Cortez'),
    ])
    const idsFor = async (name: string) =>
      (await people.query(findPersonsByName, { name }))?.items.map(({ personId }) => personId)
    assert.deepEqual(await idsFor('velaz'), ['velazquez'])
    assert.deepEqual(await idsFor('VELÁZ'), ['velazquez'])
    assert.deepEqual(await idsFor('nydia vel'), ['velazquez'])
    assert.deepEqual(await idsFor('Ocasio-C'), ['ocasio'])
    assert.deepEqual(await idsFor('cortez'), ['ocasio'])
    assert.deepEqual(await idsFor('john'), ['reed'])
    assert.deepEqual(await idsFor('elázquez'), [])
  })

  test('finds a person once, however often the name matches, on whatever page', async () => {
    await using people = await PeopleInMemory.start([
      createPerson('jj', { full: 'John Johnson', first: 'John', last: 'Johnson', nickname: 'Johnny' }),
      createPerson('jd', { full: 'John Doe', first: 'John', last: 'Doe' }),
      createPerson('jo', 'Joan of Arc'),
    ])
    const names: string[] = []
    let cursor: string | undefined
    do {
      const page = await people.query(findPersonsByName, { name: 'jo', limit: 1, cursor })
      names.push(...(page?.items.map(({ name }) => name) ?? []))
      cursor = page?.nextCursor
    } while (cursor !== undefined)
    assert.deepEqual(names, ['Joan of Arc', 'John Doe', 'John Johnson'])
  })

  test('wants something to look for, and a cursor that it gave', async () => {
    await using people = await PeopleInMemory.start()
    await assert.rejects(people.query(findPersonsByName, { name: ' - ' }), /\/name: Must contain a letter or a digit/)
    await assert.rejects(
      people.query(findPersonsByName, { name: 'a', cursor: 'x' }),
      /\/cursor: Must be the nextCursor/,
    )
  })
})

describe('FindPersonsByOrganization', () => {
  test('finds those who are employed on the day, each once, in the order of their names', async () => {
    await using people = await PeopleInMemory.start([
      works,
      createPerson('z', 'Álvaro'),
      createPerson('y', 'Bea'),
      createPerson('x', 'Cleo'),
      createPerson('x2', 'Cleo again'),
      employ('z', 'works', 'Analyst', '2020-01-01'),
      employ('z', 'works', 'Treasurer', '2021-01-01'),
      ...employUntil('y', 'works', 'Analyst', '2020-01-01', '2021-01-01'),
      employ('x', 'works', 'Analyst', '2020-01-01'),
      employ('x2', 'works', 'Clerk', '2020-01-01'),
      mergePersons('x2', 'x'),
      employ('unknown', 'works', 'Guest', '2020-01-01'),
    ])
    const organizationId = organization.id('works')
    const first = await people.query(findPersonsByOrganization, { organizationId, onDate: '2020-06-01', limit: 2 })
    assert.deepEqual(
      first?.items.map(({ name }) => name),
      ['Álvaro', 'Bea'],
    )
    assert.equal(first?.total, 3)
    const parameters = { organizationId, onDate: '2020-06-01', limit: 2, cursor: first?.nextCursor }
    const last = await people.query(findPersonsByOrganization, parameters)
    assert.deepEqual(
      last?.items.map(({ name, organizations }) => [name, organizations.length]),
      [['Cleo', 2]],
    )
    assert.equal(last?.nextCursor, undefined)
    const today = await people.query(findPersonsByOrganization, { organizationId })
    assert.deepEqual(
      today?.items.map(({ name }) => name),
      ['Álvaro', 'Cleo'],
    )
  })
})
