/** What the event store promises besides the suite of all event stores. */

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import type { CommandRecord } from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { allEvents, noted, openStore, openTemporaryStore, person } from './test-support/sample-events.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'
import { transactionsInWal } from './test-support/wal-file.ts'

describe('a SQLite event store', () => {
  test('refuses ids that SQLite would cut off or change, before they reach it', async (context) => {
    const { path, store } = openTemporaryStore(context)
    await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    const before = transactionsInWal(path).length
    for (const bad of ['ada\0', '\0', 'half \ud800']) {
      const aggregate = person(bad)
      const record: CommandRecord = {
        commandId: 'c',
        fingerprint: 1,
        status: 'Accepted',
        version: 0,
        position: 0,
        timestamp: '',
      }
      const snapshot = { version: 1, position: 1, timestamp: '', fingerprint: 'f', state: {} }
      for (const action of [
        () => store.appendEvents(aggregate, noted(1), { expectedVersion: 'any' }),
        () => store.appendEvents(person('ada'), [{ ...noted(1)[0]!, eventId: bad }], { expectedVersion: 'any' }),
        () => store.recordCommand(aggregate, record),
        () => store.recordCommand(person('ada'), { ...record, commandId: bad }),
        () => store.snapshotStore.saveSnapshot(aggregate, snapshot),
      ]) {
        await assert.rejects(action, { code: 'validation' })
      }
      assert.deepEqual(await store.loadEvents(aggregate), [])
      assert.equal(await store.findCommand(person('ada'), bad), undefined)
      assert.equal(await store.snapshotStore.loadSnapshot(aggregate, 'f'), undefined)
    }
    assert.equal(transactionsInWal(path).length, before)
  })

  test('does not let a wrong snapshot fail the appends of its transaction', async (context) => {
    const { store } = openTemporaryStore(context)
    const snapshot = { version: 1.5, position: 1, timestamp: '', fingerprint: 'f', state: {} }
    const [append, save] = await Promise.allSettled([
      store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 }),
      store.snapshotStore.saveSnapshot(person('ada'), snapshot),
    ])
    assert.deepEqual([append.status, save.status], ['fulfilled', 'rejected'])
  })

  test('tells type and id apart wherever a blank is', async (context) => {
    const { store } = openTemporaryStore(context)
    await store.appendEvents(person('ada lovelace'), noted(1), { expectedVersion: 0 })
    assert.deepEqual(await store.loadEvents({ aggregateType: 'Person ada', aggregateId: 'lovelace' }), [])
  })

  test('keeps and finds ids that look like the signs between them', async (context) => {
    const { path, store } = openTemporaryStore(context)
    const ids = ['-', '=', 'a b', ' ', '%', '%20', '%2D', 'a%25 ', '{"a": 1}']
    for (const [index, id] of ids.entries()) {
      const metadata = { correlationId: id, commandId: ids.at(index - 1) ?? '', userId: id }
      const event = { eventId: `${id}${index}`, eventType: 'Noted', eventData: index, metadata }
      const command = { commandId: metadata.commandId, fingerprint: index }
      await store.appendEvents(person(`ada ${index}`), [event], { expectedVersion: 0, command })
    }
    const events = await allEvents(store)
    await store.close()
    const reopened = openStore(context, path)
    for (const [index, id] of ids.entries()) {
      const commandId = ids.at(index - 1) ?? ''
      const found = await reopened.readEvents({ correlationId: id })
      assert.deepEqual(found.events, [events[index]])
      assert.equal(found.events[0]?.eventId, `${id}${index}`)
      assert.deepEqual(found.events[0]?.metadata, { correlationId: id, commandId, userId: id })
      assert.equal((await reopened.findCommand(person(`ada ${index}`), commandId))?.fingerprint, index)
    }
    assert.deepEqual((await reopened.verify()).problems, [])
  })

  test('returns for a repeated command its own events, not others that name it', async (context) => {
    const { store } = openTemporaryStore(context)
    const events = noted(2).map((event) => ({ ...event, metadata: { commandId: 'c' } }))
    await store.appendEvents(person('ada'), events, { expectedVersion: 0 })
    const command = { commandId: 'c', fingerprint: 1 }
    const first = await store.appendEvents(person('ada'), events, { expectedVersion: 2, command })
    await store.appendEvents(person('ada'), events, { expectedVersion: 4 })
    const again = await store.appendEvents(person('ada'), events, { expectedVersion: 2, command })
    assert.deepEqual(again, { ...first, isRepeat: true })
  })

  test('loads an aggregate of very many events, and of any part of them', async (context) => {
    const opened = (database: { exec(sql: string): void }) => database.exec('PRAGMA synchronous = OFF')
    const { path, store } = openTemporaryStore(context, { opened })
    const events = noted(1000)
    await Promise.all(
      Array.from({ length: 130 }, () => store.appendEvents(person('ada'), events, { expectedVersion: 'any' })),
    )
    assert.equal((await store.loadEvents(person('ada'))).length, 130_000)
    const part = await store.loadEvents(person('ada'), { fromVersion: 129_990, toVersion: 129_995 })
    assert.deepEqual(
      part.map(({ sequence }) => sequence),
      [129_990, 129_991, 129_992, 129_993, 129_994, 129_995],
    )
    await store.close()
    const reopened = openStore(context, path)
    assert.equal((await reopened.loadEvents(person('ada'))).length, 130_000)
  })

  test('knows the versions of more aggregates than it keeps in memory', async (context) => {
    const opened = (database: { exec(sql: string): void }) => database.exec('PRAGMA synchronous = OFF')
    const { store } = openTemporaryStore(context, { opened })
    // All are new in a few transactions; the first are forgotten before the last are written.
    const count = 100_500
    for (let first = 0; first < count; first += 10_000) {
      const numbers = Array.from({ length: Math.min(10_000, count - first) }, (_, index) => first + index)
      await Promise.all(
        numbers.map((number) => store.appendEvents(person(`p-${number}`), noted(1), { expectedVersion: 0 })),
      )
    }
    for (const number of [0, 1, 50_000, 100_499]) {
      const append = () => store.appendEvents(person(`p-${number}`), noted(1), { expectedVersion: 0 })
      await assert.rejects(append, { code: 'concurrency', actualVersion: 1 })
      const next = await store.appendEvents(person(`p-${number}`), noted(1), { expectedVersion: 1 })
      assert.equal(next.version, 2)
    }
  })

  test('finds the first of several events of the same time', async (context) => {
    const { store } = openTemporaryStore(context)
    const results = []
    for (let index = 0; index < 3; index++) {
      results.push(
        await Promise.all(
          [1, 2, 3].map((one) => store.appendEvents(person(`p-${index}-${one}`), noted(2), { expectedVersion: 0 })),
        ),
      )
      const before = Date.now()
      while (Date.now() === before) await new Promise((resolve) => setImmediate(resolve))
    }
    const all = results.flat().flatMap(({ events }) => events)
    for (const timestamp of new Set(all.map((event) => event.timestamp))) {
      const { events: from } = await store.readEvents({ fromTimestamp: timestamp })
      assert.deepEqual(
        from,
        all.filter((event) => event.timestamp >= timestamp),
      )
      const { events: before } = await store.readEvents({ beforeTimestamp: timestamp })
      assert.deepEqual(
        before,
        all.filter((event) => event.timestamp < timestamp),
      )
    }
  })

  test('takes whole milliseconds from its clock, and refuses one that gives no time alone', async (context) => {
    let time = 1_700_000_000_000.75
    await using store = new SqliteEventStore({
      path: join(temporaryFolder(context), 'events.db'),
      now: () => time,
      newId: () => crypto.randomUUID(),
    })
    const append = () => store.appendEvents(person('ada'), noted(1), { expectedVersion: 'any' })
    assert.equal((await append()).timestamp, '2023-11-14T22:13:20.000Z')
    for (time of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(append, { code: 'invalid-option', option: 'now' })
    }
    assert.equal(await store.headPosition(), 1)
  })

  test('makes a backup while it is in use, and never over a file that exists', async (context) => {
    const { path, store } = openTemporaryStore(context)
    await store.appendEvents(person('ada'), noted(1000), { expectedVersion: 0 })
    const target = join(dirname(path), 'backup.db')
    const before = await allEvents(store)
    const backup = store.backup(target)
    const more = Array.from({ length: 20 }, (_, index) =>
      store.appendEvents(person(`p-${index}`), noted(10), { expectedVersion: 0 }),
    )
    await Promise.all([backup, ...more])
    await assert.rejects(store.backup(target), { code: 'store-unavailable', message: /backup\.db exists/ })
    const copy = openStore(context, target)
    const copied = await allEvents(copy)
    assert.ok(copied.length >= before.length)
    assert.deepEqual(copied, (await allEvents(store)).slice(0, copied.length))
    assert.deepEqual((await copy.verify()).problems, [])
    const { isRepeat } = await copy.appendEvents(person('new'), noted(1), { expectedVersion: 0 })
    assert.equal(isRepeat, false)
    await store.close()
    await assert.rejects(store.backup(join(dirname(path), 'late.db')), { code: 'store-closed' })
    assert.deepEqual(
      readdirSync(dirname(path)).filter((name) => name.includes('unfinished')),
      [],
    )
  })

  test('says that somebody else wrote to its file', async (context) => {
    const { path, store } = openTemporaryStore(context)
    await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    const raw = new DatabaseSync(path)
    raw.exec('INSERT INTO events SELECT 2, aggregate, 2, event_type, recorded_at, envelope, data FROM events')
    raw.close()
    const append = () => store.appendEvents(person('bob'), noted(1), { expectedVersion: 0 })
    await assert.rejects(append, { code: 'store-locked', message: /somebody else has written/ })
  })
})

describe('reading a large SQLite event store', () => {
  test('lets others run while a page of a selective pattern is sought', async (context) => {
    const { store } = await openLong(context)
    for (const wanted of [
      { subjectPatterns: 'events.Person.Rare' },
      { subjectPatterns: 'events.Person.Rare', aggregateType: 'Person' },
    ]) {
      let turns = 0
      let isDone = false
      const page = store.readEvents(wanted).finally(() => {
        isDone = true
      })
      for (; !isDone; turns++) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(
        (await page).events.map(({ position }) => position),
        [60_001],
      )
      assert.equal((await page).isEnd, true)
      assert.ok(turns >= 3, `others ran ${turns} times`)
    }
    const none = await store.readEvents({ subjectPatterns: 'events.Person.Nope' })
    assert.deepEqual(none, { events: [], position: 60_001, isEnd: true })
  })

  test('ends when the store is closed meanwhile', async (context) => {
    const { store } = await openLong(context)
    const page = store.readEvents({ subjectPatterns: 'events.Person.Rare' })
    await store.close()
    await assert.rejects(page, { code: 'store-closed' })
  })

  test('takes large events a few at a time, and all of them when no limit is given', async (context) => {
    const { store } = openTemporaryStore(context)
    const text = 'x'.repeat(1_000_000)
    for (const expectedVersion of [0, 10]) {
      await store.appendEvents(person('ada'), noted(10, text), { expectedVersion })
    }
    for (const wanted of [{}, { aggregateType: 'Person' }, { subjectPatterns: 'events.Person.Noted' }]) {
      const counts: number[] = []
      for (let afterPosition = 0, isEnd = false; !isEnd; ) {
        const page = await store.readEvents({ ...wanted, afterPosition })
        counts.push(page.events.length)
        isEnd = page.isEnd
        afterPosition = page.position
        if (!isEnd) assert.equal(afterPosition, page.events.at(-1)?.position)
      }
      assert.deepEqual(counts, [9, 9, 2])
    }
    await store.appendEvents(person('ada'), [{ eventType: 'Other', eventData: {} }], { expectedVersion: 20 })
    for (const pattern of ['>', 'events.Person.Noted']) {
      const positions: number[] = []
      for await (const { position } of store.subscribe(pattern)) {
        positions.push(position)
        if (position === 21) break
      }
      assert.deepEqual(positions, [9, 18, 21])
    }
    assert.equal((await store.loadEvents(person('ada'), { limit: 1000 })).length, 9)
    const next = await store.loadEvents(person('ada'), { fromVersion: 10, limit: 1000 })
    assert.deepEqual([next.length, next[0]?.sequence], [9, 10])
    assert.equal((await store.loadEvents(person('ada'))).length, 21)
  })
})

/** 60,000 events of one type, then one of another. */
async function openLong(context: TestContext) {
  const opened = (database: DatabaseSync) => database.exec('PRAGMA synchronous = OFF')
  const { store } = openTemporaryStore(context, { opened })
  const events = noted(1000)
  await Promise.all(
    Array.from({ length: 60 }, () => store.appendEvents(person('ada'), events, { expectedVersion: 'any' })),
  )
  await store.appendEvents(person('ada'), [{ eventType: 'Rare', eventData: {} }], { expectedVersion: 'any' })
  return { store }
}
