/** One file, several processes. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { Child } from './test-support/child.ts'
import { noted, openStore, openTemporaryStore, person } from './test-support/sample-events.ts'
import { changeAll, numbersView } from './test-support/sample-views.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

describe('an event store that is open', () => {
  test('is refused to another process, which is told what to do', async (context) => {
    const { path, store } = openTemporaryStore(context)
    await using other = new Child('hold-event-store.ts', { args: [path] })
    await other.wrote(1)
    assert.match(other.lines[0] ?? '', /^store-locked .*events\.db.*Stop that process, or choose another file/)
    await other.end()
    await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
  })

  test('is refused to the same process, also through a link', async (context) => {
    const { path, store } = openTemporaryStore(context)
    const link = join(temporaryFolder(context), 'link.db')
    symlinkSync(path, link)
    for (const again of [path, link]) {
      assert.throws(() => new SqliteEventStore({ path: again }), { code: 'store-locked' })
    }
    await store.close()
    await openStore(context, link).close()
    await openStore(context, path).close()
  })

  test('is free at once when its process is killed', async (context) => {
    const path = join(temporaryFolder(context), 'events.db')
    await using holder = new Child('hold-event-store.ts', { args: [path] })
    await holder.wrote(1)
    assert.deepEqual(holder.lines, ['open'])
    assert.throws(() => new SqliteEventStore({ path }), { code: 'store-locked' })
    await holder.kill()
    assert.equal(await openStore(context, path).headPosition(), 1)
  })

  test('is open to readers, who see whole transactions and hold nobody up', async (context) => {
    const { path, store } = openTemporaryStore(context)
    await store.appendEvents(person('ada'), noted(2), { expectedVersion: 0 })
    const reader = new DatabaseSync(path, { readOnly: true })
    context.after(() => reader.close())
    const count = () => Object.values(reader.prepare('SELECT count(*) FROM events').get() ?? {})[0]
    assert.equal(count(), 2)
    reader.exec('BEGIN')
    assert.equal(count(), 2)
    for (let index = 0; index < 20; index++) {
      await store.appendEvents(person(`p-${index}`), noted(10, 'x'.repeat(1000)), { expectedVersion: 0 })
    }
    assert.equal(count(), 2, 'the reader keeps the state that it began with')
    reader.exec('COMMIT')
    assert.equal(count(), 202)
  })

  test('waits for somebody who writes in the file, and says so when that takes too long', async (context) => {
    let database: DatabaseSync | undefined
    const { path, store } = openTemporaryStore(context, { opened: (opened) => (database = opened) })
    database?.exec('PRAGMA busy_timeout = 20')
    const shell = new DatabaseSync(path)
    context.after(() => shell.close())
    shell.exec('BEGIN IMMEDIATE')
    const append = () => store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    await assert.rejects(append(), { code: 'store-locked' })
    shell.exec('ROLLBACK')
    assert.equal((await append()).position, 1)
  })

  test('leaves no file open when it is closed, nor when it could not be opened', async (context) => {
    if (!existsSync('/proc/self/fd')) return context.skip('this system does not list open files')
    const path = join(temporaryFolder(context), 'events.db')
    const openFiles = () => readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).includes(path))
    for (let round = 0; round < 5; round++) {
      const store = new SqliteEventStore({ path })
      await store.appendEvents(person('ada'), noted(1), { expectedVersion: 'any' })
      await store.verify()
      assert.throws(() => new SqliteEventStore({ path }), { code: 'store-locked' })
      assert.throws(() => new SqliteViewStore({ path }), { code: 'store-version' })
      await store.close()
    }
    assert.deepEqual(openFiles().map(linkOf), [])
  })
})

describe('a view store that two processes open', () => {
  test('takes each commit once: of two from the same checkpoint, one wins', async (context) => {
    const path = join(temporaryFolder(context), 'views.db')
    const children = [1, 2, 3].map(() => new Child('commit-views.ts', { args: [path, '300', '15'] }))
    for (const child of children) context.after(() => child.kill())
    await Promise.all(children.map((child) => child.end()))
    const outcomes = children.flatMap(({ lines }) => lines.slice(1))
    const won = outcomes.filter((line) => line !== 'stale-checkpoint').map(Number)
    won.sort((one, other) => one - other)
    assert.deepEqual(
      won,
      Array.from(won, (_, index) => index + 1),
    )
    await using store = new SqliteViewStore({ path })
    await store.openView(numbersView)
    assert.equal(await store.getCheckpoint(numbersView), won.length)
    assert.equal(await store.count(numbersView, 'position', won.length), 300)
    assert.equal(await store.count(numbersView), 300)
  })

  test('is made once when they open it at the same moment', async (context) => {
    const folder = temporaryFolder(context)
    const start = String(Date.now() + 600)
    const children = [1, 2, 3].map(() => new Child('open-view-stores.ts', { args: [folder, '25', start] }))
    for (const child of children) context.after(() => child.kill())
    await Promise.all(children.map((child) => child.end()))
  })

  test('does not stop a process that opens it twice', async (context) => {
    const path = join(temporaryFolder(context), 'views.db')
    await using one = new SqliteViewStore({ path })
    await using other = new SqliteViewStore({ path })
    await one.openView(numbersView)
    await other.openView(numbersView)
    const outcomes = await Promise.allSettled([
      one.commit(numbersView, changeAll(0, 1000)),
      other.commit(numbersView, changeAll(0, 1000)),
    ])
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'won' : outcome.reason.code)),
      ['won', 'stale-checkpoint'],
    )
    assert.equal(await other.getCheckpoint(numbersView), 1)
  })
})

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}
