/** What the event store promises besides the suite of all event stores. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommandRecord } from '@cim/core'
import { noted, openStore, openTemporaryStore, person } from './test-support/sample-events.ts'
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
      await new Promise((resolve) => setTimeout(resolve, 3))
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
})
