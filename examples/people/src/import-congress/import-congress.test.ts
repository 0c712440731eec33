import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { person } from '../person.ts'
import { findPersonsByName } from '../queries/find-persons-by-name.ts'
import { findPersonsByOrganization } from '../queries/find-persons-by-organization.ts'
import { getOrganization } from '../queries/get-organization.ts'
import { getPersonById } from '../queries/get-person-by-id.ts'
import { listEmployment } from '../queries/list-employment.ts'
import { PeopleInMemory } from '../test-support/people-in-memory.ts'
import { congressIds } from './congress-commands.ts'
import { readCongressData } from './congress-data.ts'
import { importCongress } from './import-congress.ts'

const fixture = join(import.meta.dirname, 'fixture')
const realData = process.env.CIM_CONGRESS_DATA ?? join(import.meta.dirname, '../../../../../shared/data/congress')
const skip = existsSync(realData) ? false : `there is no data in ${realData}; name its folder in CIM_CONGRESS_DATA`

const senate = congressIds.organization('senate')
const house = congressIds.organization('house')

describe('importing the sample', () => {
  test('makes persons, organizations and employments of it', async () => {
    await using people = await imported(fixture)
    const { application } = people
    assert.deepEqual(await countViews(application), {
      PersonView: 5,
      OrganizationView: 8,
      EmploymentView: 20,
      HiringView: 0,
    })
  })

  test('keeps names as they are, and puts those together that are given in parts alone', async () => {
    await using people = await imported(fixture)
    const nameOf = async (id: string) =>
      (await people.query(getPersonById, { personId: person.id(`person:${id}`) }))?.legalName
    assert.deepEqual(await nameOf('B000002'), {
      full: 'Robert C. "Bobby" O\'Brien, Jr.',
      first: 'Robert',
      middle: 'C.',
      last: "O'Brien",
      suffix: 'Jr.',
      nickname: 'Bobby',
    })
    assert.deepEqual(await nameOf('C000003'), { full: 'Chidi Okafor', first: 'Chidi', last: 'Okafor' })
    for (const name of ['alvarez', 'Bobby O’Brien', 'gross', 'THEA', 'de la cruz', 'okafor']) {
      assert.equal((await people.query(findPersonsByName, { name }))?.items.length, 1, name)
    }
  })

  test('activates the organizations, and puts each below the one it belongs to', async () => {
    await using people = await imported(fixture)
    const chamber = await people.query(getOrganization, { organizationId: house, onDate: '2026-06-01' })
    assert.equal(chamber?.status, 'Active')
    assert.deepEqual(
      chamber?.children.map(({ name }) => name),
      ['House Committee on Examples'],
    )
    const organizationId = congressIds.organization('HSXX')
    const committee = await people.query(getOrganization, { organizationId, onDate: '2026-06-15' })
    assert.deepEqual(committee?.parentIds, [house])
    assert.deepEqual(
      committee?.children.map(({ name }) => name),
      ['Small Examples', 'Large Examples'],
    )
    assert.deepEqual(committee?.members.flatMap(({ roles }) => roles).sort(), ['Chairman', 'Member', 'Member'])
    assert.equal((await people.query(getOrganization, { organizationId, onDate: '2026-06-14' }))?.headCount, 0)
  })

  test('tells who sat where on a day', async () => {
    await using people = await imported(fixture)
    const membersOn = async (organizationId: typeof senate, onDate: string) =>
      (await people.query(findPersonsByOrganization, { organizationId, onDate }))?.items.map(({ name }) => name)
    assert.deepEqual(await membersOn(senate, '2020-01-15'), ['Inés María Álvarez'])
    assert.deepEqual(await membersOn(house, '2020-01-15'), ['Robert C. "Bobby" O\'Brien, Jr.'])
    assert.deepEqual(await membersOn(house, '2015-01-03'), [])
    assert.deepEqual(await membersOn(senate, '2026-06-01'), ['Dorothea Groß', 'Inés María Álvarez'])
  })

  test('a second time appends nothing', async () => {
    await using people = await imported(fixture)
    const { application } = people
    const head = await application.eventStore.headPosition()
    const summary = await importCongress(application, readCongressData(fixture))
    assert.deepEqual(summary, { accepted: 0, repeated: head, refusals: [], skipped: 0 })
    assert.equal(await application.eventStore.headPosition(), head)
  })

  test('of data that has changed since says what was refused, and skips what depends on it', async () => {
    await using people = await imported(fixture)
    const data = readCongressData(fixture)
    const [first, ...others] = data.committees
    const changed = { ...data, committees: [{ ...first!, name: 'Another name' }, ...others] }
    const { refusals, skipped } = await importCongress(people.application, changed)
    assert.deepEqual(
      refusals.map(({ command, code }) => [command.commandType, command.aggregateId, code]),
      [['CreateOrganization', 'organization:HSXX', 'command-id-reused']],
    )
    assert.equal(skipped, 3)
  })
})

describe('importing the real data', { skip }, () => {
  test('gives the numbers that the files themselves give', async () => {
    await using people = await imported(realData)
    const { application } = people
    assert.deepEqual(await countViews(application), {
      PersonView: 537,
      OrganizationView: 232,
      EmploymentView: 6671,
      HiringView: 0,
    })
    for (const [onDate, senators, representatives] of [
      ['2026-06-01', 100, 436],
      ['2020-01-15', 69, 246],
    ] as const) {
      assert.deepEqual([countTerms('sen', onDate), countTerms('rep', onDate)], [senators, representatives])
      assert.equal((await people.query(getOrganization, { organizationId: senate, onDate }))?.headCount, senators)
      assert.equal((await people.query(getOrganization, { organizationId: house, onDate }))?.headCount, representatives)
      const listed = await people.query(listEmployment, { organizationId: house, onDate, limit: 1000 })
      assert.deepEqual([listed?.items.length, listed?.total], [representatives, representatives])
    }
  })

  /** Counts in the files, without any of the code under test. */
  function countTerms(type: string, day: string): number {
    return readCongressData(realData).legislators.filter(({ terms }) =>
      terms.some((term) => term.type === type && term.start <= day && day < term.end),
    ).length
  }
})

async function imported(folder: string): Promise<PeopleInMemory> {
  const people = await PeopleInMemory.start()
  const { refusals } = await importCongress(people.application, readCongressData(folder))
  assert.deepEqual(refusals, [])
  await people.seeEverything()
  return people
}

async function countViews({ projections, viewStore }: PeopleInMemory['application']): Promise<Record<string, number>> {
  const counts = projections.map(async (view) => [view.viewName, await viewStore.count(view)] as const)
  return Object.fromEntries(await Promise.all(counts))
}
