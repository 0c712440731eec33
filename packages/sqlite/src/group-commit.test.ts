/** What shares a transaction, and what becomes of it. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { type AppendResult, hasErrorCode } from '@cim/core'
import type { SqliteEventStore } from './sqlite-event-store.ts'
import { Child } from './test-support/child.ts'
import { allEvents, noted, openStore, openTemporaryStore, person } from './test-support/sample-events.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'
import { transactionsInWal } from './test-support/wal-file.ts'

describe('appends', () => {
  test('of one turn share one transaction', async (context) => {
    const { path, store } = openTemporaryStore(context)
    const before = transactionsInWal(path).length
    const results = await appendMany(store, 500)
    assert.equal(transactionsInWal(path).length - before, 1)
    assert.deepEqual(
      await allEvents(store),
      results.flatMap(({ events }) => events),
    )
    await appendMany(store, 3, 500)
    assert.equal(transactionsInWal(path).length - before, 2)
  })

  test('beyond a thousand in one turn take turns, in the order in which they came', async (context) => {
    const { path, store } = openTemporaryStore(context)
    const before = transactionsInWal(path).length
    const results = await appendMany(store, 2500)
    assert.equal(transactionsInWal(path).length - before, 3)
    assert.deepEqual(
      results.map(({ position }) => position),
      Array.from({ length: 2500 }, (_, index) => index + 1),
    )
  })

  test('of very many events take turns too', async (context) => {
    const { path, store } = openTemporaryStore(context)
    const before = transactionsInWal(path).length
    const events = noted(1000)
    const results = await Promise.all(
      Array.from({ length: 25 }, (_, index) =>
        store.appendEvents(person(`p-${index}`), events, { expectedVersion: 0 }),
      ),
    )
    assert.equal(transactionsInWal(path).length - before, 3)
    assert.equal(results.at(-1)?.position, 25_000)
  })

  test('that conflict are refused alone, and change nothing of the transaction that they share', async (context) => {
    const { path, store } = openTemporaryStore(context)
    const before = transactionsInWal(path).length
    const outcomes = await Promise.allSettled(
      Array.from({ length: 30 }, (_, index) =>
        store.appendEvents(person(`p-${index}`), noted(2), { expectedVersion: index % 3 === 0 ? 4 : 0 }),
      ),
    )
    assert.equal(transactionsInWal(path).length - before, 1)
    for (const [index, outcome] of outcomes.entries()) {
      const isRefused = outcome.status === 'rejected' && hasErrorCode(outcome.reason, 'concurrency')
      assert.equal(isRefused, index % 3 === 0)
    }
    const log = await allEvents(store)
    assert.deepEqual(
      log.map(({ position }) => position),
      Array.from({ length: 40 }, (_, index) => index + 1),
    )
  })

  test('around a close are stored or refused, each as its caller is told', async (context) => {
    const { path, store } = openTemporaryStore(context)
    const early = Array.from({ length: 1500 }, (_, index) => appendOne(store, index))
    const closing = store.close()
    const late = Array.from({ length: 10 }, (_, index) => appendOne(store, 1500 + index))
    const outcomes = await Promise.allSettled([...early, ...late])
    await closing
    for (const [index, outcome] of outcomes.entries()) {
      if (index < 1500) assert.equal(outcome.status, 'fulfilled')
      else assert.ok(outcome.status === 'rejected' && hasErrorCode(outcome.reason, 'store-closed'))
    }
    const stored = await allEvents(openStore(context, path))
    assert.deepEqual(
      stored,
      outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value.events : [])),
    )
  })
})

describe('work that cannot be stored', () => {
  // What stores check beforehand never gets so far; these stand for what they may not know of.
  const opened = (database: DatabaseSync) =>
    database.exec(`CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.events WHEN new.data LIKE '%wrong%'
      BEGIN SELECT RAISE(ABORT, 'a wrong value'); END`)
  const snapshot = { version: 1, position: 1, timestamp: {} as never, fingerprint: 'f', state: {} }
  const wrongs: readonly (readonly [string, (store: SqliteEventStore) => Promise<unknown>, RegExp])[] = [
    [
      'SQLite refuses it',
      (store) => store.appendEvents(person('new'), noted(1, 'wrong'), { expectedVersion: 0 }),
      /a wrong value.*The disk is not to blame/,
    ],
    ['the driver refuses it', (store) => store.snapshotStore.saveSnapshot(person('new'), snapshot), /cannot be bound/],
  ]

  for (const [name, write, message] of wrongs) {
    test(`is refused alone: ${name}`, async (context) => {
      const { store } = openTemporaryStore(context, { opened })
      const [first, refused, ...others] = await Promise.allSettled([
        appendOne(store, 0),
        write(store),
        appendOne(store, 1),
        store.appendEvents({ aggregateType: 'NewType', aggregateId: 'n' }, noted(2), { expectedVersion: 0 }),
        store.appendEvents(person('p-1'), noted(1), { expectedVersion: 1 }),
      ])
      assert.ok(refused.status === 'rejected')
      assert.match(String(refused.reason), message)
      assert.deepEqual(
        [first, ...others].map(({ status }) => status),
        ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'],
      )
      assert.deepEqual(
        (await allEvents(store)).map(({ position, aggregateId }) => [position, aggregateId]),
        [
          [1, 'p-0'],
          [2, 'p-1'],
          [3, 'n'],
          [4, 'n'],
          [5, 'p-1'],
        ],
      )
      assert.deepEqual((await store.verify()).problems, [])
    })

    test(`is refused alone by a close too: ${name}`, async (context) => {
      const { store } = openTemporaryStore(context, { opened })
      const writes = [appendOne(store, 0), write(store), appendOne(store, 1)]
      const settled = Promise.allSettled(writes)
      // A snapshot is checked before it waits for the disk.
      await Promise.resolve()
      await store.close()
      assert.deepEqual(
        (await settled).map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      )
    })
  }
})

describe('a full disk', () => {
  test('refuses every append of the transaction, and nothing of them is left, not even a counter', async (context) => {
    const { store, limitPages } = openLimited(context)
    await appendMany(store, 3)
    limitPages('none')
    const refused = await Promise.allSettled([
      store.appendEvents(person('p-0'), noted(1), { expectedVersion: 1 }),
      store.appendEvents({ aggregateType: 'NewType', aggregateId: 'n' }, noted(1), { expectedVersion: 0 }),
      store.appendEvents(person('new'), [{ eventType: 'NewEvent', eventData: 'x'.repeat(100_000) }], {
        expectedVersion: 0,
      }),
      store.snapshotStore.saveSnapshot(person('p-0'), {
        version: 1,
        position: 1,
        timestamp: '',
        fingerprint: 'f',
        state: 1,
      }),
      store.appendEvents(person('p-1'), noted(1), { expectedVersion: 7 }),
    ])
    for (const outcome of refused) {
      assert.ok(outcome.status === 'rejected' && hasErrorCode(outcome.reason, 'store-full'), String(outcome.status))
      assert.match(String(outcome.reason), /events\.db.*Make room on the disk, then repeat/)
    }
    assert.equal(await store.headPosition(), 3)
    assert.deepEqual(await store.loadEvents(person('new')), [])
    assert.equal((await store.loadEvents(person('p-0'))).length, 1)
    assert.equal(await store.snapshotStore.loadSnapshot(person('p-0'), 'f'), undefined)

    limitPages('many')
    const next = await store.appendEvents(person('p-0'), noted(2), { expectedVersion: 1 })
    assert.deepEqual(
      next.events.map(({ sequence, position }) => [sequence, position]),
      [
        [2, 4],
        [3, 5],
      ],
    )
    const other = await store.appendEvents({ aggregateType: 'OtherType', aggregateId: 'o' }, noted(1), {
      expectedVersion: 0,
    })
    assert.deepEqual(await store.loadEvents({ aggregateType: 'OtherType', aggregateId: 'o' }), other.events)
    assert.deepEqual((await store.verify()).problems, [])
  })

  test('lets through what fits, before and after what does not', async (context) => {
    const { store, limitPages } = openLimited(context)
    await appendMany(store, 1)
    limitPages('few')
    const outcomes: PromiseSettledResult<AppendResult>[] = []
    for (const size of [10, 10, 1_000_000, 10, 900_000, 10]) {
      const append = store.appendEvents(person('ada'), noted(1, 'x'.repeat(size)), { expectedVersion: 'any' })
      outcomes.push(...(await Promise.allSettled([append])))
    }
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.version : outcome.reason.code)),
      [1, 2, 'store-full', 3, 'store-full', 4],
    )
  })

  test('that is a real one refuses the same way', async (context) => {
    const folder = join(temporaryFolder(context), 'disk')
    mkdirSync(folder)
    // A small file system of its own, which goes with the process.
    const launcher = ['unshare', '-Urm', 'sh', '-c', `mount -t tmpfs -o size=1m none ${folder} && exec "$@"`, 'sh']
    const [program = '', ...args] = [...launcher, 'true']
    if (spawnSync(program, args).status !== 0) return context.skip('this system lets nobody mount a file system')
    const { acknowledged, ...found } = await appendUntilFull(join(folder, 'events.db'), launcher)
    assert.ok(acknowledged > 0)
    assert.deepEqual(found, { stored: acknowledged, code: 'store-full', problems: [] })
  })

  test('of which only a quota is full leaves all that was acknowledged and nothing else', async (context) => {
    if (process.platform === 'win32') return context.skip('this system has no such limit')
    const path = join(temporaryFolder(context), 'events.db')
    const launcher = ['bash', '-c', 'ulimit -f 1024 && exec "$@"', 'bash']
    const { acknowledged, ...found } = await appendUntilFull(path, launcher)
    assert.ok(acknowledged > 0)
    assert.deepEqual(found, { stored: acknowledged, code: 'store-unavailable', problems: [] })
    const store = openStore(context, path)
    assert.equal(await store.headPosition(), acknowledged)
    assert.equal((await store.appendEvents(person('new'), noted(1), { expectedVersion: 0 })).position, acknowledged + 1)
  })
})

test('a failure that cannot be undone stops the store, and everybody is told', async (context) => {
  let database: DatabaseSync | undefined
  const { path, store } = openTemporaryStore(context, { opened: (opened) => (database = opened) })
  await appendMany(store, 2)
  const appends = Array.from({ length: 1200 }, (_, index) => appendOne(store, 2 + index))
  database?.close()
  const outcomes = await Promise.allSettled(appends)
  assert.ok(outcomes.every(({ status }) => status === 'rejected'))
  assert.ok(hasErrorCode((outcomes.at(-1) as PromiseRejectedResult).reason, 'store-unavailable'))
  for (const action of [
    () => store.loadEvents(person('p-0')),
    () => store.readEvents(),
    () => appendOne(store, 0),
    () => store.snapshotStore.loadSnapshot(person('p-0'), 'f'),
    () => store.subscribe('>')[Symbol.asyncIterator]().next(),
  ]) {
    await assert.rejects(action, { code: 'store-unavailable' })
  }
  await store.close()
  assert.equal(await openStore(context, path).headPosition(), 2)
})

function appendOne(store: SqliteEventStore, number: number): Promise<AppendResult> {
  return store.appendEvents(person(`p-${number}`), noted(1), { expectedVersion: 0 })
}

async function appendMany(store: SqliteEventStore, count: number, first = 0): Promise<readonly AppendResult[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => appendOne(store, first + index)))
}

function openLimited(context: TestContext) {
  let database: DatabaseSync | undefined
  const { store } = openTemporaryStore(context, { opened: (opened) => (database = opened) })
  const pagesNow = () => Number(Object.values(database?.prepare('PRAGMA page_count').get() ?? {})[0])
  const limitPages = (further: 'none' | 'few' | 'many') => {
    const pages = { none: 0, few: 100, many: 100_000 }[further]
    database?.exec(`PRAGMA max_page_count = ${pagesNow() + pages}`)
  }
  return { store, limitPages }
}

async function appendUntilFull(path: string, launcher: readonly string[]) {
  await using child = new Child('append-until-full.ts', { args: [path], launcher })
  await child.end()
  return JSON.parse(child.lines[0] ?? '') as {
    readonly acknowledged: number
    readonly stored: number
    readonly code: string
    readonly problems: readonly unknown[]
  }
}
