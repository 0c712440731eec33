/** Schemas come one after the other, each whole or not at all, and no data is left behind. */

import assert from 'node:assert/strict'
import { copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessorProgress } from '@cim/core'
import { type DatabaseFileOptions, openDatabaseFile } from './database-file.ts'
import { eventStoreMigrations, type Migration, viewStoreMigrations } from './migrations.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { Child } from './test-support/child.ts'
import { allEvents, openStore, person } from './test-support/sample-events.ts'
import { deadLetter, nextStep, processorName } from './test-support/sample-steps.ts'
import { numbersView } from './test-support/sample-views.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const first: Migration = { version: 1, sql: 'CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES (1)' }
const second: Migration = { version: 2, sql: 'ALTER TABLE notes ADD COLUMN more TEXT' }
const third: Migration = { version: 3, sql: "UPDATE notes SET more = 'x'" }

describe('migrations', () => {
  test('are numbered from 1 without gaps', () => {
    for (const migrations of [eventStoreMigrations, viewStoreMigrations]) {
      assert.deepEqual(
        migrations.map(({ version }) => version),
        migrations.map((_, index) => index + 1),
      )
    }
  })

  test('bring a file of any version up to date, and are not run twice', (context) => {
    const { open, state } = fileOf(context)
    open([first])
    assert.deepEqual(state(), { version: 1, notes: [{ text: '1' }] })
    open([first, second, third])
    assert.deepEqual(state(), { version: 3, notes: [{ text: '1', more: 'x' }] })
    open([first, second, third])
    assert.deepEqual(state(), { version: 3, notes: [{ text: '1', more: 'x' }] })
  })

  test('that fail leave the version before, whole', (context) => {
    const { open, state } = fileOf(context)
    open([first])
    const broken: Migration = { version: 3, sql: 'DROP TABLE notes; SELECT nothing FROM nowhere' }
    assert.throws(() => open([first, second, broken]), { code: 'store-unavailable' })
    assert.deepEqual(state(), { version: 1, notes: [{ text: '1' }] })
    const failing: Migration = {
      ...third,
      convert: () => {
        throw new Error('no')
      },
    }
    assert.throws(() => open([first, second, failing]), { message: /no/ })
    assert.deepEqual(state(), { version: 1, notes: [{ text: '1' }] })
    open([first, second])
    assert.equal(state().version, 2)
  })

  test('that fail on a new file leave it empty', (context) => {
    const { open, state } = fileOf(context)
    assert.throws(() => open([first, { version: 2, sql: 'nonsense' }]), { code: 'store-unavailable' })
    assert.throws(state, /no such table/)
    open([first])
    assert.equal(state().version, 1)
  })

  test('that are killed leave the version before, whole', async (context) => {
    const path = join(temporaryFolder(context), 'views.db')
    await new SqliteViewStore({ path }).close()
    await using child = new Child('migrate-for-long.ts', { args: [path] })
    await child.wrote(1)
    const hasBegun = () => (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 1_000_000
    while (!hasBegun()) await delay(5)
    await child.kill()
    await using store = new SqliteViewStore({ path })
    assert.deepEqual(await store.query("SELECT name FROM sqlite_schema WHERE name = 'extra'"), [])
    await store.openView(numbersView)
  })
})

describe('a file of an earlier version', () => {
  for (const version of [1, 2, 3]) {
    test(`of the event store, of version ${version}, can be read, and written on`, async (context) => {
      const path = fixture(context, `event-store-v${version}.db`)
      const store = openStore(context, path)
      const log = await allEvents(store)
      const expected = ['ada', 'bob', 'ada', 'eve 😀', 'ada'].map((aggregateId, index) => ({
        eventId: `event-${index + 1}`,
        aggregateType: 'Person',
        aggregateId,
        sequence: [1, 1, 2, 1, 3][index],
        position: index + 1,
        eventType: 'Noted',
        schemaVersion: 1,
        eventData: { index, text: 'NUL \0, half a pair \ud800' },
        metadata: {
          correlationId: 'root',
          causationId: `command-${index}`,
          commandId: `command-${index}`,
          userId: 'user',
          sessionId: 'session',
        },
        timestamp: '2026-01-01T00:00:00.000Z',
      }))
      assert.deepEqual(log, expected)
      assert.deepEqual((await store.verify()).problems, [])
      assert.deepEqual((await store.readEvents({ correlationId: 'root' })).events, log)
      assert.equal((await store.findCommand(person('ada'), 'command-2'))?.version, 2)
      assert.deepEqual((await store.findCommand(person('bob'), 'refused'))?.reason, { code: 'no', message: 'No.' })
      const snapshot = await store.snapshotStore.loadSnapshot(person('ada'), 'definition')
      assert.deepEqual(snapshot?.state, { count: 2 })
      const event = { eventType: 'Noted', eventData: 6 }
      assert.equal((await store.appendEvents(person('ada'), [event], { expectedVersion: 3 })).position, 6)
    })
  }

  test('of the view store can be read, and written on', async (context) => {
    await using store = new SqliteViewStore({ path: fixture(context, 'view-store-v1.db') })
    await assertNumbers(store)
    await store.commit(numbersView, { expectedCheckpoint: 1, position: 2, changes: [] })
  })

  test('of the view store: its views are live, and their processors go on where they were', async (context) => {
    const before = Date.now()
    await using store = new SqliteViewStore({ path: fixture(context, 'view-store-v1.db') })
    const [view, ...others] = await store.listViews()
    const { promotedAt = '', ...listed } = view ?? {}
    assert.deepEqual(others, [])
    const expected = { viewName: 'NumbersView', version: 1, build: 1, state: 'live', checkpoint: 1, promotion: 1 }
    assert.deepEqual(listed, expected)
    const promoted = Date.parse(promotedAt)
    assert.ok(promoted >= before && promoted <= Date.now(), promotedAt)
    await assertTakenUp(store, { position: 1, seen: { count: 0, checksum: 0 }, seenAfter: 1, epoch: 0, revision: 0 })
  })

  test('of the view store: of several versions of a view, the newest is live', async (context) => {
    const path = fixture(context, 'view-store-v1.db')
    const raw = new DatabaseSync(path)
    const insert = raw.prepare("INSERT INTO views VALUES (?, ?, ?, '[]', ?, 7)")
    insert.run(2, 'NumbersView', 12, 'NumbersView_v12')
    insert.run(3, 'NumbersView', 3, 'NumbersView_v3')
    insert.run(9, 'Other', 2, 'Other_v2')
    raw.close()
    await using store = new SqliteViewStore({ path })
    assert.deepEqual(
      (await store.listViews()).map(({ version, state, promotion }) => [version, state, promotion]),
      [
        [1, 'retired', 1],
        [3, 'retired', 2],
        [12, 'live', 3],
        [2, 'live', 1],
      ],
    )
    await store.openView({ ...numbersView, viewName: 'New' })
    assert.deepEqual(
      (await store.query("SELECT key FROM views WHERE name = 'New'")).map(({ key }) => key),
      [10],
    )
  })
})

describe('a file with builds', () => {
  for (const version of [2, 3]) {
    test(`of the view store, of version ${version}, can be read, and written on`, async (context) => {
      await using store = new SqliteViewStore({ path: fixture(context, `view-store-v${version}.db`) })
      await assertNumbers(store)
      const build = { ...numbersView, build: 2 }
      await store.openView(build)
      assert.equal(await store.count(build), 0)
      const states = (await store.listViews()).map(({ state, promotedAt, promotion }) => [state, promotedAt, promotion])
      const expected = [
        ['live', '2026-01-01T00:00:00.000Z', 1],
        ['building', undefined, undefined],
      ]
      assert.deepEqual(states, expected)
      const { progressStore } = store
      assert.deepEqual(await progressStore.listDeadLetters(processorName), {
        sequences: [deadLetter('ada')],
        next: undefined,
      })
      const record = { reason: 'old', discardedBy: 'eve', discardedAt: '2026-01-01T00:00:00.000Z' }
      assert.deepEqual(await progressStore.listDiscarded(processorName), [{ ...deadLetter('bob'), ...record }])
      await assertTakenUp(store, { position: 1, seen: { count: 1, checksum: 7 }, seenAfter: 0, epoch: 1, revision: 1 })
      assert.equal(await store.getCheckpoint(numbersView), 2)
      await store.promoteView(build, 'NumbersView@1', 0)
      assert.deepEqual(
        (await store.listViews()).map(({ promotion }) => promotion),
        [1, 2],
      )
    })
  }

  test('of version 2: its promotions are counted in the order of their times, and what is live was the last', async (context) => {
    const path = fixture(context, 'view-store-v2.db')
    const raw = new DatabaseSync(path)
    const insert = raw.prepare("INSERT INTO views VALUES (?, ?, 1, ?, '[]', ?, 7, ?, ?)")
    // The clock was set back before the build that is live now was promoted.
    insert.run(11, 'NumbersView', 2, 'b2', 'retired', '2026-05-01T00:00:00.000Z')
    insert.run(12, 'NumbersView', 3, 'b3', 'building', null)
    insert.run(13, 'NumbersView', 4, 'b4', 'retired', '2025-12-01T00:00:00.000Z')
    insert.run(14, 'Other', 1, 'other', 'live', '2026-01-01T00:00:00.000Z')
    raw.close()
    await using store = new SqliteViewStore({ path })
    assert.deepEqual(
      (await store.listViews()).map(({ build, state, promotion }) => [build, state, promotion]),
      [
        [1, 'live', 3],
        [2, 'retired', 2],
        [3, 'building', undefined],
        [4, 'retired', 1],
        [1, 'live', 1],
      ],
    )
  })
})

/** What every fixture of the view store holds. */
async function assertNumbers(store: SqliteViewStore): Promise<void> {
  await store.openView(numbersView)
  assert.equal(await store.getCheckpoint(numbersView), 1)
  const found = await store.find(numbersView, 'position', { equals: 1 })
  assert.deepEqual(
    found.map(({ id, view }) => [id, view]),
    [0, 1, 2].map((index) => [`d-${index}`, { position: 1 }]),
  )
}

/** Checks how far the processor is, and goes on from there. */
async function assertTakenUp(store: SqliteViewStore, expected: Partial<ProcessorProgress>): Promise<void> {
  const { progressStore } = store
  const { replayUntil, isPaused, owner, leaseUntil, ...progress } =
    (await progressStore.readProgress(processorName)) ?? {}
  assert.deepEqual(progress, { processorName, ...expected })
  assert.deepEqual([replayUntil, isPaused, owner, leaseUntil], [0, false, undefined, 0])
  await store.openView(numbersView)
  const claim = await progressStore.claimProcessor(processorName, { owner: 'me', now: 0, leaseMs: 1000 })
  assert.ok(claim)
  const step = { ...nextStep(claim, 1, 1000), expectedRevision: expected.revision ?? 0 }
  await store.commit(numbersView, { expectedCheckpoint: 1, position: 2, changes: [], progress: step })
}

function fixture(context: TestContext, name: string): string {
  const path = join(temporaryFolder(context), name)
  copyFileSync(join(import.meta.dirname, '../fixtures', name), path)
  return path
}

function fileOf(context: TestContext) {
  const path = join(temporaryFolder(context), 'notes.db')
  const options: Omit<DatabaseFileOptions, 'migrations'> = {
    path,
    applicationId: 7,
    kind: 'a notebook',
    synchronous: 'NORMAL',
    cacheMegabytes: 1,
  }
  return {
    open: (migrations: readonly Migration[]) => openDatabaseFile({ ...options, migrations }).close(),
    state: () => {
      const raw = new DatabaseSync(path)
      try {
        const version = Object.values(raw.prepare('PRAGMA user_version').get() ?? {})[0]
        return {
          version,
          notes: raw
            .prepare('SELECT * FROM notes')
            .all()
            .map((row) => ({ ...row })),
        }
      } finally {
        raw.close()
      }
    },
  }
}
