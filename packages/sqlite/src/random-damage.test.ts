/**
 * Bits, bytes and sectors of database files that are changed at random places, as bad disks and torn writes do. CIM_DAMAGES
 * says how many times, CIM_SEED repeats a run.
 */

import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { type DomainEventEnvelope, isCimError } from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { damage } from './test-support/damage.ts'
import { allEvents, person } from './test-support/sample-events.ts'
import { seededRandom } from './test-support/seeded-random.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const damages = Number(process.env.CIM_DAMAGES ?? 100)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000)
const aggregates = 8
/** Some of the events are in the tables of the indexes, some only in the log. */
const pace = { indexPace: { shortestRun: 50, longestRun: 50, entriesPerCommit: 20, rowsPerInsert: 2 } }

interface Sample {
  readonly file: Buffer
  /** Undefined: the store was closed. */
  readonly wal: Buffer | undefined
  readonly events: readonly DomainEventEnvelope[]
  /** Positions at which a transaction ended. */
  readonly ends: ReadonlySet<number>
}

/**
 * What became of a damage: refused when opened, told when read, found by the audit alone, a shorter log as after a crash, or
 * without any effect.
 */
type Effect = 'refused' | 'told' | 'hidden' | 'shortened' | 'none'

describe('a damaged place in a file of an event store', () => {
  for (const [what, part] of [
    ['of a store that was closed', 'file'],
    ['of a process that was killed', 'file'],
    ['of a process that was killed, in its write-ahead log', 'wal'],
  ] as const) {
    test(`${what}: never gives a wrong event, and is found`, async (context) => {
      context.diagnostic(`seed ${seed}: repeat with CIM_SEED=${seed} CIM_DAMAGES=${damages}`)
      const sample = await makeSample(context, what.includes('killed'))
      const folder = temporaryFolder(context)
      const effects: Partial<Record<Effect, number>> = {}
      for (let trial = 0; trial < damages; trial++) {
        const path = join(folder, `${trial}.db`)
        const random = seededRandom(seed + trial)
        const original = part === 'file' ? sample.file : (sample.wal ?? Buffer.alloc(0))
        const { bytes, description } = damage(original, random)
        writeFileSync(path, part === 'file' ? bytes : sample.file)
        if (sample.wal !== undefined) writeFileSync(`${path}-wal`, part === 'wal' ? bytes : sample.wal)
        try {
          const effect = await effectOf(path, sample, part === 'wal')
          effects[effect] = (effects[effect] ?? 0) + 1
        } catch (error) {
          throw new Error(`CIM_SEED=${seed + trial} CIM_DAMAGES=1, ${description}: ${error}`, { cause: error })
        }
        for (const suffix of ['', '-wal', '-shm', '-lock']) rmSync(`${path}${suffix}`, { force: true })
      }
      context.diagnostic(`${damages} damages: ${JSON.stringify(effects)}`)
    })
  }
})

/** Of a process that was killed, the last third of the events are in the write-ahead log alone. */
async function makeSample(context: TestContext, isKilled: boolean): Promise<Sample> {
  const path = join(temporaryFolder(context), 'events.db')
  // The same for every seed, to the byte: so a seed repeats a damage wherever it stood in a run.
  const random = seededRandom(1)
  let ids = 0
  const options = { path, now: () => Date.UTC(2026, 0, 1) + ids, newId: () => `event-${++ids}` }
  const ends = new Set([0])
  const append = async (store: SqliteEventStore, count: number): Promise<void> => {
    for (let number = 0; number < count; number++) {
      const events = Array.from({ length: 1 + random(3) }, (_, index) => ({
        eventType: `Kind${random(3)}`,
        eventData: { number, index, text: 'x'.repeat(random(1000)) },
        metadata: { correlationId: `c-${random(20)}` },
      }))
      const aggregate = person(`p-${random(aggregates)}`)
      ends.add((await store.appendEvents(aggregate, events, { expectedVersion: 'any' })).position)
    }
  }
  const first = new SqliteEventStore(options, pace)
  await append(first, 70)
  await first.close()
  await using store = new SqliteEventStore(options, pace)
  await append(store, 30)
  const events = await allEvents(store)
  if (!isKilled) await store.close()
  return { file: readFileSync(path), wal: isKilled ? readFileSync(`${path}-wal`) : undefined, events, ends }
}

async function effectOf(path: string, sample: Sample, mayBeShorter: boolean): Promise<Effect> {
  let store: SqliteEventStore
  try {
    store = new SqliteEventStore({ path }, pace)
  } catch (error) {
    assertClear(error)
    return 'refused'
  }
  try {
    const head = await store.headPosition()
    assert.ok(sample.ends.has(head) || !mayBeShorter, `the log ends in the middle of a transaction, at ${head}`)
    const expected = mayBeShorter ? sample.events.slice(0, head) : sample.events
    const readings = [...(await readEach(store, expected)), ...(await loadEach(store, expected))]
    const { problemCount } = await store.verify()
    if (problemCount > 0) return readings.includes('hidden') ? 'hidden' : 'told'
    assert.deepEqual(new Set(readings), new Set(['whole']), 'the audit finds nothing')
    assert.deepEqual(await allEvents(store), expected, 'the audit finds nothing')
    return head < sample.events.length ? 'shortened' : 'none'
  } finally {
    await store.close()
  }
}

/** What a reader gets: everything, an error, or too little without one. Anything else is wrong. */
type Reading = 'whole' | 'told' | 'hidden'

function readEach(store: SqliteEventStore, expected: readonly DomainEventEnvelope[]): Promise<readonly Reading[]> {
  return Promise.all(
    expected.map((event) =>
      readingOf([event], async () => (await store.readEvents({ afterPosition: event.position - 1, limit: 1 })).events),
    ),
  )
}

function loadEach(store: SqliteEventStore, expected: readonly DomainEventEnvelope[]): Promise<readonly Reading[]> {
  const ids = Array.from({ length: aggregates }, (_, number) => `p-${number}`)
  return Promise.all(
    ids.map((id) => {
      const own = expected.filter(({ aggregateId }) => aggregateId === id)
      return readingOf(own, () => store.loadEvents(person(id)))
    }),
  )
}

async function readingOf(
  expected: readonly DomainEventEnvelope[],
  read: () => Promise<readonly DomainEventEnvelope[]>,
): Promise<Reading> {
  try {
    const events = await read()
    assert.deepEqual(events, expected.slice(0, events.length), 'a wrong event')
    return events.length < expected.length ? 'hidden' : 'whole'
  } catch (error) {
    assertClear(error)
    return 'told'
  }
}

/** An error that says which file, and what to do. */
function assertClear(error: unknown): void {
  if (!isCimError(error)) throw error
  assert.match(error.code, /^store-(corrupt|version|unavailable)$/, error.message)
  assert.match(
    error.message,
    /\.db.*(restore a backup|Choose another path|Run a newer program|Check the disk)/s,
    error.message,
  )
}

test('an audit ends though a table has rows that come after themselves', async (context) => {
  const { file } = await makeSample(context, false)
  const path = join(temporaryFolder(context), 'events.db')
  writeFileSync(path, file)
  const raw = new DatabaseSync(path)
  const { page } = raw.prepare("SELECT rootpage AS page FROM sqlite_schema WHERE name = 'snapshots'").get() as {
    readonly page: number
  }
  raw.close()
  // An empty page that says that it has two rows.
  const bytes = readFileSync(path)
  bytes.writeUInt16BE(2, (page - 1) * 4096 + 3)
  writeFileSync(path, bytes)
  await using store = new SqliteEventStore({ path }, pace)
  const { problems } = await store.verify({ signal: AbortSignal.timeout(10_000) })
  assert.deepEqual(new Set(problems.map(({ kind }) => kind)), new Set(['file', 'snapshot']))
})
