import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { person } from '../person.ts'
import { changeEmail, createOrganization, createPerson, employ } from '../test-support/commands.ts'
import { PeopleInMemory } from '../test-support/people-in-memory.ts'
import { findPersonsByEmail } from './find-persons-by-email.ts'
import { getPersonById } from './get-person-by-id.ts'

const day = 86_400_000
const start = Date.UTC(2026, 5, 1)
const personId = person.id('ada')

/** Ada on June 1st, with an address on June 2nd and another one on June 3rd, employed on June 4th from the beginning of the year. */
async function open() {
  let time = start
  const people = new PeopleInMemory(() => time)
  await people.application.start()
  await people.send(createPerson('ada', 'Ada Lovelace'), createOrganization('works', 'Works'))
  for (const command of [
    changeEmail('ada', 'first@example.org'),
    changeEmail('ada', 'second@example.org'),
    employ('ada', 'works', 'Analyst', '2026-01-01'),
  ]) {
    time += day
    await people.send(command)
  }
  return people
}

const at = (time: number) => ({ asOf: { timestamp: new Date(time).toISOString() } })

describe('a question about the past', () => {
  test('is answered with the address before it changed', async () => {
    await using people = await open()
    const { application } = people
    const emails = []
    for (const days of [0, 1, 1.5, 2, 3]) {
      emails.push((await application.query(getPersonById, { personId }, at(start + days * day)))?.email)
    }
    const [first, second] = ['first@example.org', 'second@example.org']
    assert.deepEqual(emails, [undefined, first, first, second, second])
    const found = async (email: string) =>
      (await application.query(findPersonsByEmail, { email }, at(start + day)))?.items.length
    assert.deepEqual([await found(first), await found(second)], [1, 0])
    assert.equal(await application.query(getPersonById, { personId }, at(start - 1)), undefined)
    assert.equal((await people.query(getPersonById, { personId }))?.email, second)
  })

  test('tells what was known from what was so: a day in the world, seen from a moment of the past', async () => {
    await using people = await open()
    const { application } = people
    const worksOn = async (onDate: string, seenAt: number) =>
      (await application.query(getPersonById, { personId, onDate }, at(seenAt)))?.organizations.length
    assert.equal(await worksOn('2026-02-01', start + 2 * day), 0)
    assert.equal(await worksOn('2026-02-01', start + 3 * day), 1)
    assert.equal(await worksOn('2025-02-01', start + 3 * day), 0)
  })

  test('can be what would have become of it', async () => {
    await using people = await open()
    await using branch = await people.application.branch({ timestamp: new Date(start + day).toISOString() })
    const { position } = await branch.dispatch(changeEmail('ada', 'other@example.org'))
    const there = await branch.query(getPersonById, { personId }, { afterPosition: position, waitMs: 30_000 })
    assert.equal(there?.email, 'other@example.org')
    assert.deepEqual(there?.organizations, [])
    assert.equal((await people.query(getPersonById, { personId }))?.email, 'second@example.org')
  })
})
