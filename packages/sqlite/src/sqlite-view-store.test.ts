/** What the view store promises besides the suite of all view stores. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { Child } from './test-support/child.ts'
import { changeAll, numbersView } from './test-support/sample-views.ts'
import { seededRandom } from './test-support/seeded-random.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

/** Written in ten slices. */
const many = 2000

describe('a long commit', () => {
  test('is whole or not there when the process is killed', async (context) => {
    const seed = Number(process.env.CIM_TEST_SEED ?? Date.now() % 1_000_000)
    context.diagnostic(`seed ${seed}: repeat with CIM_TEST_SEED`)
    const random = seededRandom(seed)
    const path = join(temporaryFolder(context), 'views.db')
    let acknowledged = 0
    for (let round = 0; round < 6; round++) {
      await using child = new Child('commit-views.ts', { args: [path, String(many), '100000'] })
      await child.wrote(1)
      await delay(random(80))
      await child.kill()
      acknowledged = Math.max(acknowledged, ...child.lines.slice(1).map(Number))
      await using store = new SqliteViewStore({ path })
      await store.openView(numbersView)
      const checkpoint = await checkWhole(store)
      assert.ok(checkpoint >= acknowledged, `${acknowledged} was acknowledged, the view is at ${checkpoint}`)
    }
    context.diagnostic(`${acknowledged} commits were acknowledged`)
  })

  test('is seen by readers when it is whole, and not before', async (context) => {
    const { path, store } = await openView(context)
    await store.commit(numbersView, changeAll(0, many))
    await using elsewhere = new SqliteViewStore({ path })
    await elsewhere.openView(numbersView)
    const commit = store.commit(numbersView, changeAll(1, many))
    let isDone = false
    void commit.then(() => {
      isDone = true
    })
    let turns = 0
    while (!isDone) {
      for (const reader of [store, elsewhere]) await checkWhole(reader)
      await new Promise((resolve) => setImmediate(resolve))
      turns++
    }
    assert.ok(turns >= 5, `others ran ${turns} times in between`)
    assert.equal(await checkWhole(elsewhere), 2)
  })

  test('is finished by a close that comes meanwhile', async (context) => {
    const { path, store } = await openView(context)
    const commit = store.commit(numbersView, changeAll(0, many))
    await new Promise((resolve) => setImmediate(resolve))
    const closing = store.close()
    await assert.rejects(store.commit(numbersView, changeAll(1, many)), { code: 'store-closed' })
    await commit
    await closing
    await using reopened = new SqliteViewStore({ path })
    await reopened.openView(numbersView)
    assert.equal(await checkWhole(reopened), 1)
  })

  test('is finished, and the file is released, before a second close says so', async (context) => {
    const { path, store } = await openView(context)
    const commit = store.commit(numbersView, changeAll(0, many))
    await new Promise((resolve) => setImmediate(resolve))
    const first = store.close()
    await store.close()
    // The last connection to close removes it.
    assert.equal(existsSync(`${path}-wal`), false)
    await Promise.all([commit, first])
  })

  test('does not mix with a view that is opened, nor with a commit that fails, meanwhile', async (context) => {
    const { store } = await openView(context)
    const other = { ...numbersView, viewName: 'OtherView' }
    const outcomes = await Promise.allSettled([
      store.commit(numbersView, changeAll(0, many)),
      store.openView(other),
      store.commit(numbersView, changeAll(7, 10)),
      store.commit(numbersView, {
        ...changeAll(1, 1),
        changes: [{ id: 'd-0', before: {}, after: { at: new Date(0) } }],
      }),
      store.commit(other, changeAll(0, 10)),
    ])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
    )
    assert.equal(await checkWhole(store), 1)
    assert.equal(await store.count(other), 10)
  })

  test('that fails in its middle changes nothing', async (context) => {
    const { path, store } = await openView(context)
    await store.commit(numbersView, changeAll(0, 10))
    const raw = new DatabaseSync(path)
    raw.exec(`CREATE TRIGGER no_room BEFORE INSERT ON NumbersView_v1 WHEN new.id = 'd-900'
      BEGIN SELECT RAISE(ABORT, 'no room'); END`)
    const { changes } = changeAll(0, many)
    const commit = () => store.commit(numbersView, { expectedCheckpoint: 1, position: 2, changes: changes.slice(10) })
    await assert.rejects(commit(), { code: 'store-unavailable', message: /no room/ })
    assert.deepEqual([await store.getCheckpoint(numbersView), await store.count(numbersView)], [1, 10])
    raw.exec('DROP TRIGGER no_room')
    raw.close()
    await commit()
    assert.equal(await store.count(numbersView), many)
  })
})

describe('the door to plain SQL', () => {
  test('reads documents, index entries and checkpoints, with parameters', async (context) => {
    const { store } = await openView(context)
    await store.commit(numbersView, changeAll(0, 3))
    const sql = "SELECT id, document ->> 'position' AS position FROM NumbersView_v1 WHERE id = ?"
    assert.deepEqual(plain(await store.query(sql, 'd-1')), [{ id: 'd-1', position: 1 }])
    assert.deepEqual(plain(await store.query(sql, "' OR 1 = 1 --")), [])
    assert.deepEqual(plain(await store.query('SELECT name, checkpoint FROM views')), [
      { name: 'NumbersView', checkpoint: 1 },
    ])
    const counted = await store.query('SELECT count(*) AS n FROM NumbersView_v1_index WHERE value = ?', 1)
    assert.deepEqual(plain(counted), [{ n: 3 }])
  })

  test('refuses whatever would do more than read, and nothing has changed', async (context) => {
    const { path, store } = await openView(context)
    await store.commit(numbersView, changeAll(0, 3))
    for (const sql of [
      'DELETE FROM NumbersView_v1',
      "INSERT INTO NumbersView_v1 VALUES ('x', '{}')",
      'UPDATE views SET checkpoint = 9 RETURNING checkpoint',
      'DROP TABLE views',
      'CREATE TEMP TABLE mine (a)',
      'PRAGMA query_only = OFF',
      'PRAGMA journal_mode = DELETE',
      'BEGIN',
      'SAVEPOINT mine',
      'VACUUM',
      `VACUUM INTO '${path}-copy'`,
      `ATTACH '${path}-other' AS other`,
    ]) {
      await assert.rejects(store.query(sql), { code: 'validation', message: /SQL query.*SELECT statement/ }, sql)
    }
    assert.ok(!existsSync(`${path}-copy`) && !existsSync(`${path}-other`))
    await store.commit(numbersView, changeAll(1, 3))
    assert.equal(await checkWhole(store, 3), 2, 'reading goes on with the newest state')
  })

  test('says what is wrong with a statement', async (context) => {
    const { store } = await openView(context)
    for (const [sql, message] of [
      ['SELEC 1', /syntax error/],
      ['SELECT missing FROM nowhere', /no such table: nowhere/],
      ['', /no statements/],
      ["SELECT json('{')", /malformed JSON/],
    ] as const) {
      await assert.rejects(store.query(sql), { code: 'validation', message })
    }
    await assert.rejects(store.query('SELECT 1', 2), { code: 'validation', message: /out of range/ })
    await store.close()
    await assert.rejects(store.query('SELECT 1'), { code: 'store-closed' })
  })
})

test('a view with other indexes under the same version is refused, and the one that is there stays', async (context) => {
  const { path, store } = await openView(context)
  await store.commit(numbersView, changeAll(0, 3))
  await store.close()
  await using reopened = new SqliteViewStore({ path })
  const changed = { ...numbersView, indexes: { ...numbersView.indexes, other: () => 1 } }
  await assert.rejects(reopened.openView(changed), { message: /NumbersView.*Raise its version/ })
  await reopened.openView(numbersView)
  assert.equal(await checkWhole(reopened, 3), 1)
  await reopened.openView({ ...changed, version: 2 })
})

async function openView(context: TestContext) {
  const path = join(temporaryFolder(context), 'views.db')
  const store = new SqliteViewStore({ path })
  context.after(() => store.close())
  await store.openView(numbersView)
  return { path, store }
}

/** @returns the checkpoint, which every document and every index entry has too */
async function checkWhole(store: SqliteViewStore, count = many): Promise<number> {
  // One statement sees one state, whatever another process commits meanwhile.
  const [row] = await store.query(`SELECT
    (SELECT checkpoint FROM views WHERE name = 'NumbersView') AS checkpoint,
    (SELECT count(*) FROM NumbersView_v1) AS documents,
    (SELECT count(*) FROM NumbersView_v1_index) AS entries,
    (SELECT min(document ->> 'position') FROM NumbersView_v1) AS least,
    (SELECT max(document ->> 'position') FROM NumbersView_v1) AS most,
    (SELECT min(value) FROM NumbersView_v1_index) AS leastEntry,
    (SELECT max(value) FROM NumbersView_v1_index) AS mostEntry`)
  const checkpoint = Number(row?.checkpoint)
  const at = checkpoint === 0 ? null : checkpoint
  const documents = checkpoint === 0 ? 0 : count
  assert.deepEqual(
    { ...row },
    { checkpoint, documents, entries: documents, least: at, most: at, leastEntry: at, mostEntry: at },
  )
  return checkpoint
}

function plain(rows: readonly object[]): readonly object[] {
  return rows.map((row) => ({ ...row }))
}
