/** The indexes behind the log, with runs so short that they move into the tables all the time. */

import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { type DomainEventEnvelope, hasErrorCode, hashText, type NewEvent } from '@cim/core'
import fc from 'fast-check'
import { type IndexEntry, type IndexPace, LogIndex } from './log-index.ts'
import { eventStoreMigrations } from './migrations.ts'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { allEvents, noted, openStore, openTemporaryStore, person } from './test-support/sample-events.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

/** Everything the store was told and acknowledged. */
type Model = DomainEventEnvelope[]

type Step =
  | { readonly kind: 'append'; readonly aggregate: number; readonly size: number; readonly cause: number }
  | { readonly kind: 'full' | 'crash' | 'restart' | 'tick' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      aggregate: fc.nat(5),
      size: fc.integer({ min: 1, max: 5 }),
      cause: fc.nat(8),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('full', 'crash', 'restart', 'tick') }) },
)

const pace: fc.Arbitrary<IndexPace> = fc.record({
  shortestRun: fc.integer({ min: 8, max: 50 }),
  longestRun: fc.integer({ min: 8, max: 50 }),
  entriesPerCommit: fc.nat(3),
  rowsPerInsert: fc.integer({ min: 1, max: 5 }),
})

const aggregateOf = (number: number) => ({
  aggregateType: number % 2 === 0 ? 'Person' : 'Team',
  aggregateId: `a-${number >> 1}`,
})

describe('the indexes behind the log', () => {
  test('find what a naive search of all events finds, whatever moves, fails, crashes or restarts', async (context) => {
    const folder = temporaryFolder(context)
    let files = 0
    const property = fc.asyncProperty(pace, fc.array(step, { minLength: 10, maxLength: 60 }), async (pace, steps) => {
      const run = new Run(() => join(folder, `${++files}.db`), pace)
      try {
        for (const one of steps) await run.take(one)
        await checkAgainst(run.store, run.model)
        await run.restart()
        await checkAgainst(run.store, run.model)
      } finally {
        await run.store.close()
      }
    })
    const { CIM_TEST_SEED: seed, CIM_TEST_PATH: path } = process.env
    await fc.assert(property, {
      numRuns: 25,
      ...(seed === undefined ? undefined : { seed: Number(seed) }),
      ...(path === undefined ? undefined : { path }),
    })
  })

  test('lose nothing when a crash leaves a run half moved', async (context) => {
    const { path, store } = openTemporaryStore(context, slowly)
    const model = await appendSome(store, 22)
    assert.deepEqual(tables(path), { indexedPosition: 0, entries: 24 }, 'the run is half moved')
    const crashed = `${path}-after`
    copyCrashed(path, crashed)
    const reopened = openStore(context, crashed, slowly)
    await checkAgainst(reopened, model)
    model.push(...(await appendSome(reopened, 30)))
    assert.ok(tables(crashed).indexedPosition >= 20, 'the run was moved again, whole')
    await checkAgainst(reopened, model)
  })

  test('lose nothing when a full disk undoes part of a move', async (context) => {
    let database: DatabaseSync | undefined
    const { path, store } = openTemporaryStore(context, { ...slowly, opened: (opened) => (database = opened) })
    const model = await appendSome(store, 22)
    const before = tables(path)
    assert.deepEqual(before, { indexedPosition: 0, entries: 24 }, 'the run is half moved')
    limitPages(database!, 0)
    await assert.rejects(store.appendEvents(person('big'), noted(1, 'x'.repeat(9000)), { expectedVersion: 0 }), {
      code: 'store-full',
    })
    assert.deepEqual(tables(path), before)
    await checkAgainst(store, model)
    limitPages(database!, 100_000)
    model.push(...(await appendSome(store, 40)))
    assert.ok(tables(path).indexedPosition > before.indexedPosition)
    await checkAgainst(store, model)
  })

  test('tell two causes with the same hash apart by the events themselves', async (context) => {
    // 53 bits: such a pair is not found by searching, so the index is told that there is one.
    const { path, store } = openTemporaryStore(context)
    const [first, second] = ['c-1', 'c-2']
    for (const commandId of [first, second]) {
      const event: NewEvent = { eventType: 'Noted', eventData: {}, metadata: { commandId, correlationId: commandId } }
      await store.appendEvents(person('ada'), [event], {
        expectedVersion: 'any',
        command: { commandId, fingerprint: 1 },
      })
    }
    await store.close()
    const raw = new DatabaseSync(path)
    for (const position of [1, 2]) {
      for (const text of [first, second])
        raw.prepare('INSERT INTO cause_index VALUES (?, ?)').run(hashText(text), position)
      raw
        .prepare('INSERT INTO aggregate_index SELECT aggregate, sequence, position FROM events WHERE position = ?')
        .run(position)
      raw.prepare('INSERT INTO type_index VALUES (1, ?)').run(position)
    }
    raw.exec('UPDATE log_index SET indexed_position = 2')
    raw.close()
    const reopened = openStore(context, path)
    assert.equal((await reopened.findCommand(person('ada'), first))?.version, 1)
    assert.equal((await reopened.findCommand(person('ada'), second))?.version, 2)
    for (const correlationId of [first, second]) {
      const { events } = await reopened.readEvents({ correlationId })
      assert.deepEqual(
        events.map(({ metadata }) => metadata.correlationId),
        [correlationId],
      )
    }
    const page = await reopened.readEvents({ correlationId: second, limit: 1 })
    assert.deepEqual({ found: page.events.length, isEnd: page.isEnd }, { found: 1, isEnd: true })
  })

  test('give a list that continues from the tables through the moving run into the newest', () => {
    const database = new DatabaseSync(':memory:')
    database.exec(eventStoreMigrations[0]!.sql)
    const index = new LogIndex(database, { shortestRun: 10, longestRun: 10, entriesPerCommit: 1, rowsPerInsert: 1 })
    const entry = (position: number): IndexEntry => ({
      position,
      aggregate: 1 + (position % 2),
      sequence: Math.ceil(position / 2),
      aggregateType: 1,
      causes: [7, 0],
    })
    for (let position = 1; position <= 100; position++) {
      index.add(entry(position))
      index.mergeSome(1)
      const all = Array.from({ length: position }, (_, at) => at + 1)
      assert.deepEqual(index.positionsOfCause(7, 0, 1000), all)
      assert.deepEqual(index.positionsOfType(1, 3, 10), all.slice(3, 13))
      for (const at of [1, 2, position]) {
        const { aggregate, sequence } = entry(at)
        assert.equal(index.positionOf(aggregate, sequence), at > position ? undefined : at)
      }
      assert.equal(index.versionOf(1), Math.floor(position / 2))
      assert.equal(index.positionOf(1, Math.floor(position / 2) + 1), undefined)
    }
    assert.ok(index.indexedPosition >= 80)
  })
})

/** Runs of twenty events, of which each commit moves eight entries. */
const slowly = { indexPace: { shortestRun: 20, longestRun: 20, entriesPerCommit: 0, rowsPerInsert: 1 } }

async function appendSome(store: SqliteEventStore, count: number): Promise<DomainEventEnvelope[]> {
  const events: DomainEventEnvelope[] = []
  for (let index = 0; index < count; index++) {
    const appended = await store.appendEvents(person(`p-${index % 7}`), noted(1), { expectedVersion: 'any' })
    events.push(...appended.events)
  }
  return events
}

function tables(path: string): { readonly indexedPosition: number; readonly entries: number } {
  const reader = new DatabaseSync(path, { readOnly: true })
  try {
    const { indexed_position } = reader.prepare('SELECT indexed_position FROM log_index').get() as {
      indexed_position: number
    }
    const sql = 'SELECT (SELECT count(*) FROM aggregate_index) + (SELECT count(*) FROM type_index) AS entries'
    const { entries } = reader.prepare(sql).get() as { entries: number }
    return { indexedPosition: indexed_position, entries }
  } finally {
    reader.close()
  }
}

/** The file as a process that was killed would leave it. */
function copyCrashed(from: string, to: string): void {
  copyFileSync(from, to)
  copyFileSync(`${from}-wal`, `${to}-wal`)
}

/** @param pages how many the file may have; no more than it has when less */
function limitPages(database: DatabaseSync, pages: number): void {
  database.exec(`PRAGMA max_page_count = ${Math.max(1, pages)}`)
}

/** A store that goes through steps, with what it acknowledged. */
class Run {
  readonly model: Model = []
  store: SqliteEventStore
  readonly #newPath: () => string
  readonly #pace: IndexPace
  #path: string
  #database: DatabaseSync | undefined
  #time = Date.UTC(2026, 0, 1)

  constructor(newPath: () => string, pace: IndexPace) {
    this.#newPath = newPath
    this.#pace = pace
    this.#path = newPath()
    this.store = this.#open()
  }

  #open(): SqliteEventStore {
    const opened = (database: DatabaseSync): void => {
      this.#database = database
      // What is tested here is not what survives a power failure.
      database.exec('PRAGMA synchronous = OFF')
    }
    return new SqliteEventStore({ path: this.#path, now: () => this.#time }, { indexPace: this.#pace, opened })
  }

  async restart(): Promise<void> {
    await this.store.close()
    this.store = this.#open()
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'append':
        return this.#append(step.aggregate, step.size, step.cause)
      case 'full':
        return this.#fail()
      case 'crash': {
        const path = this.#newPath()
        copyCrashed(this.#path, path)
        await this.store.close()
        this.#path = path
        this.store = this.#open()
        return
      }
      case 'restart':
        return this.restart()
      case 'tick':
        this.#time += 1000
    }
  }

  async #append(aggregate: number, size: number, cause: number): Promise<void> {
    const commandId = `c-${this.model.length}`
    const metadata = [
      {},
      { correlationId: `k-${cause}` },
      { correlationId: `k-${cause}`, commandId, causationId: commandId },
      { correlationId: commandId, commandId, causationId: commandId },
    ][cause % 4]!
    const events = Array.from({ length: size }, (_, number) => ({
      eventType: `Kind${(number + cause) % 3}`,
      eventData: number,
      metadata,
    }))
    const command = 'commandId' in metadata ? { command: { commandId, fingerprint: cause } } : undefined
    const result = await this.store.appendEvents(aggregateOf(aggregate), events, { expectedVersion: 'any', ...command })
    this.model.push(...result.events)
  }

  async #fail(): Promise<void> {
    limitPages(this.#database!, 0)
    const data = 'x'.repeat(200_000)
    const big = { eventType: 'Never', eventData: data, metadata: { correlationId: 'k-1' } }
    const small = this.store.appendEvents(aggregateOf(0), noted(2), { expectedVersion: 'any' })
    const large = this.store.appendEvents(aggregateOf(9), [big], { expectedVersion: 0 })
    for (const append of [small, large]) {
      await assert.rejects(append, (error) => hasErrorCode(error, 'store-full'))
    }
    limitPages(this.#database!, 1_000_000)
  }
}

async function checkAgainst(store: SqliteEventStore, model: readonly DomainEventEnvelope[]): Promise<void> {
  assert.deepEqual(await allEvents(store), model)
  assert.deepEqual(await store.verify(), { events: model.length, problemCount: 0, problems: [] })
  await checkAggregates(store, model)
  await checkCauses(store, model)
  await checkTypesAndTimes(store, model)
  await checkSubscription(store, model, '>', () => true)
  await checkSubscription(store, model, 'events.*.Kind1', ({ eventType }) => eventType === 'Kind1')
}

async function checkAggregates(store: SqliteEventStore, model: readonly DomainEventEnvelope[]): Promise<void> {
  const refs = new Map(model.map((event) => [`${event.aggregateType} ${event.aggregateId}`, event]))
  for (const { aggregateType, aggregateId } of refs.values()) {
    const own = model.filter((event) => event.aggregateType === aggregateType && event.aggregateId === aggregateId)
    for (const [fromVersion, toVersion] of [
      [1, own.length],
      [2, own.length - 1],
      [Math.ceil(own.length / 2), own.length + 5],
    ] as const) {
      if (toVersion < 0) continue
      const loaded = await store.loadEvents({ aggregateType, aggregateId }, { fromVersion, toVersion })
      assert.deepEqual(loaded, own.slice(fromVersion - 1, toVersion))
    }
    assert.deepEqual(
      await store.loadEvents({ aggregateType, aggregateId }, { fromVersion: 2, limit: 3 }),
      own.slice(1, 4),
    )
  }
}

async function checkCauses(store: SqliteEventStore, model: readonly DomainEventEnvelope[]): Promise<void> {
  for (const correlationId of new Set(model.map(({ metadata }) => metadata.correlationId))) {
    if (correlationId === undefined) continue
    const expected = model.filter(({ metadata }) => metadata.correlationId === correlationId)
    assert.deepEqual(await paged(store, { correlationId }), expected)
  }
  const last = new Map<string, DomainEventEnvelope>()
  for (const event of model) if (event.metadata.commandId !== undefined) last.set(event.metadata.commandId, event)
  for (const [commandId, { position, sequence, aggregateType, aggregateId }] of last) {
    const found = await store.findCommand({ aggregateType, aggregateId }, commandId)
    assert.deepEqual({ position: found?.position, version: found?.version }, { position, version: sequence })
    assert.equal(await store.findCommand(aggregateOf(10), commandId), undefined)
  }
  assert.equal(await store.findCommand(aggregateOf(0), 'c-none'), undefined)
}

async function checkTypesAndTimes(store: SqliteEventStore, model: readonly DomainEventEnvelope[]): Promise<void> {
  const times = [...new Set(model.map(({ timestamp }) => timestamp))]
  const fromTimestamp = times[Math.floor(times.length / 2)] ?? '2026-01-01T00:00:00Z'
  for (const aggregateType of ['Person', 'Team', 'Nobody']) {
    const ofType = model.filter((event) => event.aggregateType === aggregateType)
    assert.deepEqual(await paged(store, { aggregateType }), ofType)
    const since = ofType.filter(({ timestamp }) => timestamp >= fromTimestamp)
    assert.deepEqual(await paged(store, { aggregateType, fromTimestamp }), since)
    const before = ofType.filter(({ timestamp }) => timestamp < fromTimestamp)
    assert.deepEqual(await paged(store, { aggregateType, beforeTimestamp: fromTimestamp }), before)
  }
  assert.deepEqual(
    await paged(store, { fromTimestamp }),
    model.filter(({ timestamp }) => timestamp >= fromTimestamp),
  )
}

async function paged(store: SqliteEventStore, options: object): Promise<readonly DomainEventEnvelope[]> {
  const events: DomainEventEnvelope[] = []
  for (let afterPosition = 0; ; ) {
    const page = await store.readEvents({ ...options, afterPosition, limit: 7 })
    events.push(...page.events)
    if (page.isEnd) return events
    afterPosition = page.position
  }
}

async function checkSubscription(
  store: SqliteEventStore,
  model: readonly DomainEventEnvelope[],
  pattern: string,
  isWanted: (event: DomainEventEnvelope) => boolean,
): Promise<void> {
  const seen: DomainEventEnvelope[] = []
  if (model.length > 0) {
    for await (const { events, position } of store.subscribe(pattern, { batchSize: 9 })) {
      seen.push(...events)
      if (position >= model.length) break
    }
  }
  assert.deepEqual(seen, model.filter(isWanted))
}
