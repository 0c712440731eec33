/** Files that are not what they should be. */

import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { isCimError } from '@cim/core'
import { SqliteEventStore, type SqliteEventStoreInternals } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { allEvents, noted, openStore, openTemporaryStore, person } from './test-support/sample-events.ts'
import { deadLetter, nextStep, processorName } from './test-support/sample-steps.ts'
import { changeAll, numbersView } from './test-support/sample-views.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'
import { transactionsInWal } from './test-support/wal-file.ts'

const openers = {
  'an event store': (path: string) => new SqliteEventStore({ path }),
  'a view store': (path: string) => new SqliteViewStore({ path }),
}

for (const [name, open] of Object.entries(openers)) {
  describe(`${name} refuses, and leaves as it is,`, () => {
    const refuses = (path: string, code: string, message: RegExp): void => {
      const before = existsSync(path) ? readFileSync(path) : undefined
      assert.throws(
        () => open(path),
        (error) => {
          assert.ok(isCimError(error), String(error))
          assert.equal(error.code, code)
          assert.match(error.message, message)
          return true
        },
      )
      assert.deepEqual(existsSync(path) ? readFileSync(path) : undefined, before)
      assert.ok(!existsSync(`${path}-wal`) && !existsSync(`${path}-shm`))
    }

    test('a file that is no database', (context) => {
      const path = join(temporaryFolder(context), 'file.db')
      for (const content of ['short', 'this is no database. '.repeat(1000), Buffer.alloc(5000)]) {
        writeFileSync(path, content)
        refuses(path, 'store-corrupt', /file\.db.*not a SQLite database/)
      }
    })

    test('a database of somebody else', (context) => {
      const path = join(temporaryFolder(context), 'other.db')
      for (const mode of ['DELETE', 'WAL']) {
        const other = new DatabaseSync(path)
        other.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE IF NOT EXISTS notes (text TEXT)`)
        other.close()
        refuses(path, 'store-version', /other\.db.*Choose another path/)
      }
    })

    test('a database of a newer version', async (context) => {
      const path = join(temporaryFolder(context), 'newer.db')
      await open(path).close()
      const raw = new DatabaseSync(path)
      raw.exec('PRAGMA user_version = 99')
      raw.close()
      refuses(path, 'store-version', /version 99, this program knows versions up to \d+\. Run a newer program/)
    })

    test('a file that was cut off', async (context) => {
      const path = join(temporaryFolder(context), 'cut.db')
      await open(path).close()
      truncateSync(path, readFileSync(path).length - 4096)
      refuses(path, 'store-corrupt', /cut\.db.*restore a backup/)
    })

    test('a folder, a file in a folder that is not there, and what is no path', (context) => {
      const folder = temporaryFolder(context)
      assert.throws(() => open(folder), { code: 'store-unavailable' })
      refuses(join(folder, 'none', 'events.db'), 'store-unavailable', /none\/events\.db.*Make the folder first/)
      for (const path of ['', ':memory:', 'a\0b']) assert.throws(() => open(path), { code: 'invalid-option' })
      assert.ok(!existsSync(`${folder}-lock`) && !existsSync(':memory:-lock'))
    })

    test('a file, or a folder, that it may not write', async (context) => {
      const folder = temporaryFolder(context)
      const path = join(folder, 'events.db')
      await open(path).close()
      rmSync(`${path}-lock`, { force: true })
      chmodSync(path, 0o444)
      chmodSync(folder, 0o555)
      // The superuser may write everything, so somebody else tries.
      const isSuperuser = process.geteuid?.() === 0
      if (isSuperuser) process.seteuid?.(65534)
      try {
        refuses(path, 'store-unavailable', /events\.db.*(permission|allowed to write there)/)
        refuses(join(folder, 'new.db'), 'store-unavailable', /new\.db.*allowed to write there/)
      } finally {
        if (isSuperuser) process.seteuid?.(0)
        chmodSync(folder, 0o755)
      }
    })
  })
}

describe('damage in an event store', () => {
  test('to one event is told when its aggregate is loaded, and leaves the others readable', async (context) => {
    const { path, store } = await storeOf(context, 10)
    await store.close()
    for (const [index, changed] of changes.entries()) {
      const damaged = `${path}-${index}`
      copyFileSync(path, damaged)
      change(damaged, `UPDATE events SET ${changed} WHERE position = 8`)
      const reopened = openStore(context, damaged)
      await assert.rejects(reopened.loadEvents(person('p-3')), {
        code: 'store-corrupt',
        message: /position 8 \(Person "p-3", sequence 2\).*checksum.*restore a backup/,
      })
      await assert.rejects(reopened.readEvents(), { code: 'store-corrupt' })
      assert.equal((await reopened.loadEvents(person('p-2'))).length, 2)
      assert.equal((await reopened.loadEvents(person('p-3'), { toVersion: 1 })).length, 1)
      const next = await reopened.appendEvents(person('p-2'), noted(1), { expectedVersion: 2 })
      assert.equal(next.position, 11)
      const { problems } = await reopened.verify()
      assert.deepEqual(problems.map(({ kind, position }) => [kind, position]).at(0), ['event', 8])
    }
  })

  test('to the order of events is found by the audit, each with its position', async (context) => {
    const { path, store } = await storeOf(context, 10)
    await store.close()
    const findings = async (sql: string): Promise<readonly string[]> => {
      const damaged = `${path}-damaged`
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${damaged}${suffix}`, { force: true })
      copyFileSync(path, damaged)
      change(damaged, sql)
      await using reopened = new SqliteEventStore({ path: damaged })
      const { problems, problemCount } = await reopened.verify()
      assert.equal(problemCount, problems.length)
      return problems.map(({ kind, position }) => `${kind} ${position}`)
    }
    assert.deepEqual(await findings('DELETE FROM events WHERE position IN (3, 4)'), [
      'position 3',
      // p-2 and p-3 go on without their first events.
      'sequence 7',
      'sequence 8',
    ])
    assert.deepEqual(await findings("DELETE FROM aggregates WHERE id = 'p-1'"), ['event 2', 'event 6', 'event 10'])
    assert.deepEqual(await findings('DELETE FROM event_types; DELETE FROM aggregate_types'), [
      ...Array.from({ length: 10 }, (_, index) => `event ${index + 1}`),
    ])
    const late = "INSERT INTO snapshots VALUES (1, 9, 1, '', 'f', 0, '{}')"
    assert.deepEqual(await findings(late), ['snapshot undefined'])
    assert.deepEqual(await findings('SELECT 1'), [])
  })

  test('that takes away the newest event of an open store is found by the audit', async (context) => {
    const { path, store } = await storeOf(context, 4)
    change(path, 'DELETE FROM events WHERE position = 4')
    const { problems, events } = await store.verify()
    assert.equal(events, 3)
    assert.deepEqual(
      problems.map(({ kind, position }) => [kind, position]),
      [['position', 4]],
    )
    await assert.rejects(store.loadEvents(person('p-3')), { code: 'store-corrupt' })
  })

  test('to the indexes is found by the audit, and never leaves out an event in silence', async (context) => {
    const pace = { indexPace: { shortestRun: 8, longestRun: 8, entriesPerCommit: 1000, rowsPerInsert: 2 } }
    const { path, store } = openTemporaryStore(context, pace)
    for (let index = 0; index < 16; index++) {
      const correlationId = `k-${index % 4}`
      const event = { eventType: 'Noted', eventData: index, metadata: { correlationId } }
      await store.appendEvents(person(`p-${index % 4}`), [event], { expectedVersion: 'any' })
    }
    await store.close()
    const damage = (sql: string): SqliteEventStore => {
      const damaged = `${path}-${++copies}`
      copyFileSync(path, damaged)
      change(damaged, sql)
      return openStore(context, damaged, pace)
    }
    let copies = 0
    const kinds = async (damaged: SqliteEventStore) =>
      (await damaged.verify()).problems.map(({ kind, position }) => `${kind} ${position}`)

    const lost = damage('DELETE FROM aggregate_index WHERE position = 5')
    await assert.rejects(lost.loadEvents(person('p-0')), { code: 'store-corrupt' })
    assert.deepEqual(await kinds(lost), ['index 5', 'sequence 9', 'index undefined'])
    const astray = damage('UPDATE aggregate_index SET position = 6 WHERE position = 5')
    await assert.rejects(astray.loadEvents(person('p-0')), { code: 'store-corrupt' })
    assert.deepEqual(await kinds(astray), ['index 5'])
    assert.deepEqual(await kinds(damage('DELETE FROM cause_index WHERE position = 5')), ['index 5', 'index undefined'])
    assert.deepEqual(await kinds(damage('DELETE FROM type_index WHERE position = 5')), ['index 5', 'index undefined'])
    assert.deepEqual(await kinds(damage('INSERT INTO cause_index VALUES (77, 5)')), ['index undefined'])

    const gone = damage('DELETE FROM events WHERE position = 5')
    await assert.rejects(gone.readEvents({ correlationId: 'k-0' }), { code: 'store-corrupt', message: /position 5/ })
    await assert.rejects(gone.readEvents({ aggregateType: 'Person' }), { code: 'store-corrupt' })
    await assert.rejects(gone.loadEvents(person('p-0')), { code: 'store-corrupt' })
    assert.ok((await kinds(gone)).includes('position 5'))
  })

  test('that lost the end of the log is refused: the indexes know better', async (context) => {
    const pace = { indexPace: { shortestRun: 8, longestRun: 8, entriesPerCommit: 1000, rowsPerInsert: 2 } }
    const { path, store } = openTemporaryStore(context, pace)
    for (let index = 0; index < 9; index++)
      await store.appendEvents(person('ada'), noted(1), { expectedVersion: index })
    await store.close()
    change(path, 'DELETE FROM events WHERE position > 5')
    assert.throws(() => new SqliteEventStore({ path }), {
      code: 'store-corrupt',
      message: /position 8, the log ends at 5/,
    })
  })

  test('to a page of the file is told, and what is on other pages can be read', async (context) => {
    const pace = { indexPace: { shortestRun: 50, longestRun: 50, entriesPerCommit: 1000, rowsPerInsert: 2 } }
    const { path, store } = await storeOf(context, 400, 'x'.repeat(300), pace)
    await store.close()
    const pages = readFileSync(path)
    const page = pages.lastIndexOf('"number":1,"text":"xxx', Math.floor(pages.length / 2)) >> 12
    pages.fill(0xff, page * 4096, page * 4096 + 16)
    writeFileSync(path, pages)
    const reopened = openStore(context, path, pace)
    await assert.rejects(allEvents(reopened), { code: 'store-corrupt', message: /restore a backup/ })
    assert.equal((await reopened.readEvents({ limit: 10 })).events.length, 10)
    const { problems, events } = await reopened.verify()
    const unreadable = problems.filter(({ kind }) => kind === 'position')
    assert.ok(problems.some(({ kind }) => kind === 'file'))
    assert.ok(unreadable.length > 0 && events < 400 && events > 350, `${events} of 400 could be read`)
  })

  test('to a page that the indexes do not cover yet is told when the store is opened', async (context) => {
    const { path, store } = await storeOf(context, 400, 'x'.repeat(300))
    await store.close()
    const pages = readFileSync(path)
    const page = pages.lastIndexOf('"number":1,"text":"xxx', Math.floor(pages.length / 2)) >> 12
    pages.fill(0xff, page * 4096, page * 4096 + 16)
    writeFileSync(path, pages)
    assert.throws(() => new SqliteEventStore({ path }), { code: 'store-corrupt', message: /opening.*restore a backup/ })
    assert.deepEqual(readFileSync(path), pages)
  })

  test('to a snapshot makes it none, so that the events are read instead', async (context) => {
    const { path, store } = await storeOf(context, 1)
    const snapshot = { version: 1, position: 1, timestamp: '', fingerprint: 'f', state: { total: 41 } }
    await store.snapshotStore.saveSnapshot(person('p-0'), snapshot)
    await store.close()
    change(path, `UPDATE snapshots SET state = '{"total":42}'`)
    assert.equal(await openStore(context, path).snapshotStore.loadSnapshot(person('p-0'), 'f'), undefined)
  })
})

describe('a write-ahead log', () => {
  /** Copies what a killed process would leave, with a damaged log, and opens it. */
  const openWith = (context: TestContext, path: string, wal: Buffer | undefined, name: string): SqliteEventStore => {
    const copy = `${path}-${name}`
    copyFileSync(path, copy)
    if (wal !== undefined) writeFileSync(`${copy}-wal`, wal)
    return openStore(context, copy)
  }
  const batches = async (context: TestContext) => {
    const { path, store } = openTemporaryStore(context)
    for (let batch = 0; batch < 10; batch++) {
      await store.appendEvents(person(`p-${batch}`), noted(10, 'x'.repeat(500)), { expectedVersion: 0 })
    }
    return { path, store, wal: readFileSync(`${path}-wal`), ends: transactionsInWal(path).slice(-10) }
  }

  test('that was cut off anywhere gives every whole transaction before, never half of one', async (context) => {
    const { path, wal, ends } = await batches(context)
    const first = ends[0] ?? 0
    for (const [index, cut] of [first, first + 1, ends[4]! - 1, ends[4]!, ends[4]! + 5000, wal.length].entries()) {
      const store = openWith(context, path, wal.subarray(0, cut), `cut-${index}`)
      const whole = ends.filter((end) => end <= cut).length
      assert.equal(await store.headPosition(), whole * 10)
      assert.deepEqual(await store.verify(), { events: whole * 10, problemCount: 0, problems: [] })
      const next = await store.appendEvents(person('next'), noted(1), { expectedVersion: 0 })
      assert.equal(next.position, whole * 10 + 1)
    }
  })

  test('with a damaged byte ends before the transaction that has it', async (context) => {
    const { path, wal, ends } = await batches(context)
    wal[ends[6]! - 2000]! ^= 1
    const store = openWith(context, path, wal, 'flipped')
    assert.equal(await store.headPosition(), 60)
    assert.deepEqual((await store.verify()).problems, [])
  })

  test('with something appended to it is read up to there', async (context) => {
    const { path, wal } = await batches(context)
    const garbage = Buffer.alloc(20_000, 'garbage')
    const store = openWith(context, path, Buffer.concat([wal, garbage]), 'garbage')
    assert.equal(await store.headPosition(), 100)
    assert.deepEqual((await store.verify()).problems, [])
  })

  test('that is gone leaves the state at which it was last emptied', async (context) => {
    const folder = temporaryFolder(context)
    const path = join(folder, 'events.db')
    const first = openStore(context, path)
    await first.appendEvents(person('before'), noted(3), { expectedVersion: 0 })
    await first.close()
    const second = openStore(context, path)
    await second.appendEvents(person('after'), noted(3), { expectedVersion: 0 })
    const store = openWith(context, path, undefined, 'gone')
    assert.equal(await store.headPosition(), 3)
    assert.deepEqual((await store.verify()).problems, [])
  })

  test('is emptied into the file when the store is closed', async (context) => {
    const { path, store } = await batches(context)
    await store.close()
    assert.ok(!existsSync(`${path}-wal`) && !existsSync(`${path}-shm`))
    assert.equal(await openStore(context, path).headPosition(), 100)
  })
})

describe('an audit', () => {
  test('lets others append meanwhile, and does not count what came after it began', async (context) => {
    const pace = { indexPace: { shortestRun: 50, longestRun: 50, entriesPerCommit: 1, rowsPerInsert: 2 } }
    const { store } = openTemporaryStore(context, pace)
    await store.appendEvents(person('ada'), noted(1000), { expectedVersion: 0 })
    await store.appendEvents(person('ada'), noted(1000), { expectedVersion: 1000 })
    const audit = store.verify()
    let isDone = false
    void audit.finally(() => {
      isDone = true
    })
    let appended = 0
    for (; !isDone; appended++) await store.appendEvents(person(`p-${appended}`), noted(1), { expectedVersion: 0 })
    assert.ok(appended > 5, `${appended} appends went in between`)
    assert.deepEqual(await audit, { events: 2000, problemCount: 0, problems: [] })
  })

  test('ends when it is aborted and when the store is closed', async (context) => {
    const { store } = await storeOf(context, 3)
    await assert.rejects(store.verify({ signal: AbortSignal.abort() }), { name: 'AbortError' })
    const audit = store.verify()
    const ended = assert.rejects(audit, { code: 'store-closed' })
    await store.close()
    await ended
    await assert.rejects(store.verify({ sinal: 1 } as object), { code: 'invalid-option' })
  })
})

test('a damaged document of a view is told with its name', async (context) => {
  const path = join(temporaryFolder(context), 'views.db')
  const store = new SqliteViewStore({ path })
  await store.openView(numbersView)
  await store.commit(numbersView, changeAll(0, 3))
  await store.close()
  change(path, `UPDATE NumbersView_v1 SET document = '{"pos' WHERE id = 'd-1'`)
  await using reopened = new SqliteViewStore({ path })
  await reopened.openView(numbersView)
  const told = { code: 'store-corrupt', message: /NumbersView@1, document "d-1"/ }
  await assert.rejects(reopened.getMany(numbersView, ['d-0', 'd-1']), told)
  await assert.rejects(reopened.list(numbersView), told)
  await assert.rejects(reopened.find(numbersView, 'position'), told)
  assert.equal((await reopened.getMany(numbersView, ['d-0'])).size, 1)
})

test('a damaged dead letter is told with its aggregate', async (context) => {
  const path = join(temporaryFolder(context), 'views.db')
  await using store = new SqliteViewStore({ path })
  const { progressStore } = store
  const request = { owner: 'me', now: 0, leaseMs: 1000 }
  const claim = await progressStore.claimProcessor(processorName, request)
  assert.ok(claim)
  const deadLetters = [{ kind: 'put' as const, sequence: deadLetter('ada') }]
  await progressStore.saveProgress({ ...nextStep(claim, 0, 1000), deadLetters })
  change(path, `UPDATE dead_letters SET failure = '{"name'`)
  const told = { code: 'store-corrupt', message: /the failure of Person "ada"/ }
  await assert.rejects(progressStore.listDeadLetters(processorName), told)
  assert.equal((await progressStore.countDeadLetters(processorName)).parkedSequences, 1)
})

/** One at a time; the envelope is the checksum, the schema version, no command, the event's id, and no other id. */
const changes = [
  `data = '{"number":1,"text":"y"}'`,
  'recorded_at = recorded_at + 1',
  `envelope = replace(envelope, ' 1 - ', ' 2 - ')`,
  `envelope = replace(envelope, ' 1 - ', ' 1 5 ')`,
  `envelope = substr(envelope, 1, 13) || 'another -'`,
  `envelope = envelope || ' = = somebody -'`,
  `envelope = 'damaged!' || substr(envelope, 9)`,
  `envelope = ''`,
] as const

/** Events of p-0, p-1, p-2, p-3, p-0 and so on. */
async function storeOf(context: TestContext, events: number, text = '', internals?: SqliteEventStoreInternals) {
  const opened = openTemporaryStore(context, internals)
  for (let index = 0; index < events; index++) {
    const options = { expectedVersion: Math.floor(index / 4) }
    await opened.store.appendEvents(person(`p-${index % 4}`), noted(1, text), options)
  }
  return opened
}

/** Damages a file that no store has open. */
function change(path: string, sql: string): void {
  const raw = new DatabaseSync(path)
  raw.exec(sql)
  raw.close()
}
