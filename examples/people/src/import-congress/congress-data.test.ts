import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { CongressDataError, readCongressData } from './congress-data.ts'

const fixture = join(import.meta.dirname, 'fixture')
const person = { id: 'A000001', name: { first: 'A', last: 'B' }, bio: {}, terms: [] }
const term = { type: 'rep', start: '2025-01-03', end: '2027-01-03' }
const committee = { id: 'HSXX', type: 'house', name: 'Examples', subcommittees: [] }
const membership = { committee: 'HSXX', members: [{ person: 'A000001', title: null }] }

describe('the data about Congress', () => {
  test('is read with its accents, and blank lines are skipped', () => {
    const { legislators, committees, memberships } = readCongressData(fixture)
    assert.deepEqual(
      legislators.map(({ name }) => name.last),
      ['Álvarez', "O'Brien", 'Okafor', 'Groß', 'de la Cruz'],
    )
    assert.deepEqual([committees.length, memberships.length], [3, 4])
  })

  test('must be there', (context) => {
    assert.throws(() => readCongressData(join(fixture, 'missing')), /There is no folder .*missing.*--from <folder>/)
    assert.throws(() => readCongressData(join(fixture, 'legislators.jsonl')), /There is no folder/)
    const folder = folderOf(context, { legislators: [], committees: [] })
    assert.throws(() => readCongressData(folder), /memberships\.jsonl cannot be read: ENOENT/)
  })

  test('may be empty', (context) => {
    const nothing = { legislators: [], committees: [], memberships: [] }
    assert.deepEqual(readCongressData(folderOf(context, nothing)), nothing)
  })

  test('must be well-formed: every bad line is named, before anything is sent', (context) => {
    const folder = folderOf(context, {
      legislators: [person, '{"id":', { ...person, id: 'B', terms: [{ ...term, start: '2025-02-30' }] }],
      committees: [committee, { ...committee, id: 'HSYY', type: 'moon' }],
      memberships: [],
    })
    const message = messageOf(() => readCongressData(folder))
    assert.match(message, /legislators\.jsonl, line 2: not JSON: /)
    assert.match(message, /legislators\.jsonl, line 3: terms\.0\.start: Invalid ISO date/)
    assert.match(message, /committees\.jsonl, line 2: type: Invalid option/)
  })

  test('must not contradict itself', (context) => {
    const folder = folderOf(context, {
      legislators: [
        { ...person, terms: [term, term] },
        person,
        { ...person, id: 'C', terms: [{ ...term, end: '2025-01-02' }] },
      ],
      committees: [{ ...committee, subcommittees: [{ id: 'HSXX', name: 'Itself' }] }],
      memberships: [membership, membership, { committee: 'NONE', members: [{ person: 'NOBODY', title: null }] }],
    })
    assert.deepEqual(
      messageOf(() => readCongressData(folder))
        .split('\n')
        .slice(1),
      [
        '  legislators.jsonl, line 3: terms.0.end: The term ends before it starts',
        '  legislators.jsonl, line 1: the term A000001 rep 2025-01-03 is there twice',
        '  legislators.jsonl, line 2: the person A000001 is there twice',
        '  committees.jsonl, line 1: the committee HSXX is there twice',
        '  memberships.jsonl, line 2: the membership HSXX A000001 is there twice',
        '  memberships.jsonl, line 3: the committee NONE is unknown',
        '  memberships.jsonl, line 3: the person NOBODY is unknown',
      ],
    )
  })

  test('is not listed endlessly when nothing in it is right', (context) => {
    const folder = folderOf(context, { legislators: Array(100).fill('x'), committees: [], memberships: [] })
    const lines = messageOf(() => readCongressData(folder)).split('\n')
    assert.equal(lines.length, 22)
    assert.equal(lines.at(-1), '  and 80 more')
  })
})

function folderOf(context: TestContext, files: Readonly<Record<string, readonly unknown[]>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'congress-'))
  context.after(() => rmSync(folder, { recursive: true }))
  for (const [name, records] of Object.entries(files)) {
    const lines = records.map((record) => (typeof record === 'string' ? record : JSON.stringify(record)))
    writeFileSync(join(folder, `${name}.jsonl`), lines.join('\n'))
  }
  return folder
}

function messageOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof CongressDataError)
    return error.message
  }
  return assert.fail('the data should have been refused')
}
