import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { organization } from '../organization.ts'
import { person } from '../person.ts'
import { createOrganization, createPerson, employ, employUntil, mergePersons } from '../test-support/commands.ts'
import { PeopleInMemory } from '../test-support/people-in-memory.ts'
import { getOrganization } from './get-organization.ts'
import { listEmployment } from './list-employment.ts'

const organizationId = organization.id('works')
const addChild = (childId: string) =>
  organization.command('AddChildOrganization', { childId: organization.id(childId) }, { aggregateId: organizationId })
const staff = [
  createOrganization('works', 'Works'),
  createPerson('ada', 'Ada'),
  createPerson('bob', 'Bob'),
  ...employUntil('ada', 'works', 'Analyst', '2020-01-01', '2022-01-01'),
  employ('ada', 'works', 'Director', '2022-01-01'),
  employ('ada', 'works', 'Treasurer', '2023-01-01'),
  ...employUntil('bob', 'works', 'Clerk', '2021-01-01', '2030-01-01'),
  employ('bob', 'elsewhere', 'Volunteer', '2027-01-01'),
]

describe('GetOrganization', () => {
  test('counts the different persons who are employed on the day', async () => {
    await using people = await PeopleInMemory.start(staff)
    const headCount = async (onDate?: string) =>
      (await people.query(getOrganization, { organizationId, onDate, limit: 0 }))?.headCount
    assert.equal(await headCount('2019-12-31'), 0)
    assert.equal(await headCount('2020-01-01'), 1)
    assert.equal(await headCount('2021-01-01'), 2)
    assert.equal(await headCount('2022-01-01'), 2)
    assert.equal(await headCount(), 2)
    assert.equal(await headCount('2030-01-01'), 1)
  })

  test('shows members with their current roles, children, and what is known of the organization', async () => {
    await using people = await PeopleInMemory.start([
      ...staff,
      addChild('branch'),
      createOrganization('branch', 'Branch'),
    ])
    assert.deepEqual(await people.query(getOrganization, { organizationId }), {
      organizationId,
      name: 'Works',
      status: 'Pending',
      parentIds: [],
      lastUpdated: '2026-06-01T00:00:00.000Z',
      children: [{ organizationId: 'branch', name: 'Branch', status: 'Pending' }],
      headCount: 2,
      members: [
        { personId: 'ada', name: 'Ada', roles: ['Director', 'Treasurer'], since: '2022-01-01' },
        { personId: 'bob', name: 'Bob', roles: ['Clerk'], since: '2021-01-01' },
      ],
    })
    const one = await people.query(getOrganization, { organizationId, limit: 1 })
    assert.deepEqual([one?.headCount, one?.members.length], [2, 1])
  })

  test('counts a person once whose records were merged, and one who was never created', async () => {
    await using people = await PeopleInMemory.start([
      ...staff,
      createPerson('ada2', 'Ada again'),
      employ('ada2', 'works', 'Clerk', '2020-01-01'),
      mergePersons('ada2', 'ada'),
      employ('guest', 'works', 'Guest', '2020-01-01'),
    ])
    const found = await people.query(getOrganization, { organizationId })
    assert.equal(found?.headCount, 3)
    assert.deepEqual(
      found?.members.map(({ personId, name }) => [personId, name]),
      [
        ['guest', ''],
        ['ada', 'Ada'],
        ['bob', 'Bob'],
      ],
    )
  })

  test('finds nothing that was not created', async () => {
    await using people = await PeopleInMemory.start([...staff, addChild('branch')])
    assert.equal(await people.query(getOrganization, { organizationId: organization.id('branch') }), undefined)
    assert.equal(await people.query(getOrganization, { organizationId: organization.id('elsewhere') }), undefined)
  })
})

describe('ListEmployment', () => {
  test('lists what covers the day: of an organization, of a person, of both, or all', async () => {
    await using people = await PeopleInMemory.start(staff)
    const roles = async (parameters: Parameters<typeof listEmployment.query>[0]) =>
      (await people.query(listEmployment, parameters))?.items.map(({ role }) => role)
    assert.deepEqual(await roles({ organizationId, onDate: '2021-06-01' }), ['Analyst', 'Clerk'])
    assert.deepEqual(await roles({ organizationId }), ['Clerk', 'Director', 'Treasurer'])
    assert.deepEqual(await roles({ onDate: '2027-01-01' }), ['Clerk', 'Director', 'Treasurer', 'Volunteer'])
    assert.deepEqual(await roles({ personId: person.id('bob'), onDate: '2027-01-01' }), ['Clerk', 'Volunteer'])
    assert.deepEqual(await roles({ personId: person.id('bob'), organizationId, onDate: '2027-01-01' }), ['Clerk'])
    assert.deepEqual(await roles({ personId: person.id('ada'), onDate: 'any' }), ['Analyst', 'Director', 'Treasurer'])
    assert.deepEqual(await roles({ onDate: '1999-01-01' }), [])
  })

  test('shows names and ends', async () => {
    await using people = await PeopleInMemory.start(staff)
    const found = await people.query(listEmployment, { onDate: '2021-06-01', personId: person.id('ada') })
    assert.deepEqual(found, {
      items: [
        {
          employmentId: 'ada-works-2020-01-01',
          personId: 'ada',
          personName: 'Ada',
          organizationId: 'works',
          organizationName: 'Works',
          role: 'Analyst',
          startDate: '2020-01-01',
          endDate: '2022-01-01',
          endReason: 'left',
          lastUpdated: '2026-06-01T00:00:00.000Z',
        },
      ],
      total: 1,
    })
  })

  test('gives all pages together everything once, and the total with the first', async () => {
    await using people = await PeopleInMemory.start(staff)
    const ids: string[] = []
    const totals: (number | undefined)[] = []
    let cursor: string | undefined
    do {
      const page = await people.query(listEmployment, { onDate: 'any', limit: 2, cursor })
      ids.push(...(page?.items.map(({ employmentId }) => employmentId) ?? []))
      totals.push(page?.total)
      cursor = page?.nextCursor
    } while (cursor !== undefined)
    assert.equal(ids.length, 5)
    assert.equal(new Set(ids).size, 5)
    assert.deepEqual(totals, [5, undefined, undefined])
    assert.equal((await people.query(listEmployment, { onDate: '2027-01-01', limit: 1 }))?.total, 4)
  })
})
