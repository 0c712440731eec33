/** Rows of earlier schema versions are converted, and stay damaged when they were. */

import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { convertEventRows } from './event-rows-v2.ts'
import { eventStoreMigrations } from './migrations.ts'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { allEvents, openStore, person } from './test-support/sample-events.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

/** Of the fixtures. */
const pageSize = 512

/** One at a time, at position 2: Bob's only event. */
const changes = [
  'sequence = 2',
  'recorded_at = recorded_at + 1',
  'schema_version = 2',
  `event_id = 'another'`,
  'correlation_id = NULL',
  `command_id = ''`,
  `causation_id = 'command-0'`,
  `user_id = 'somebody else'`,
  'session_id = NULL',
  'command_fingerprint = 5',
  'command_fingerprint = 9223372036854775807',
  'schema_version = -9223372036854775808',
  'checksum = checksum + 1',
  'checksum = 9223372036854775807',
  `data = '{"index":1}'`,
] as const

describe('a row of an earlier version', () => {
  for (const version of [1, 2]) {
    test(`${version} that was damaged is still damaged when it is converted, and no other is`, async (context) => {
      const whole = await allEvents(openStore(context, fixture(context, version)))
      for (const changed of changes) {
        const path = fixture(context, version)
        change(path, `UPDATE events SET ${changed} WHERE position = 2`)
        const store = openStore(context, path)
        const { problems } = await store.verify()
        assert.deepEqual(
          problems.filter(({ kind }) => kind === 'event').map(({ position }) => position),
          [2],
          changed,
        )
        await assert.rejects(store.loadEvents(person('bob')), { code: 'store-corrupt' }, changed)
        assert.deepEqual((await store.readEvents({ limit: 1 })).events, whole.slice(0, 1))
        assert.deepEqual((await store.readEvents({ afterPosition: 2 })).events, whole.slice(2))
        await store.close()
      }
    })
  }

  test('that lies on a page that cannot be read ends the conversion, and the file stays as it is', (context) => {
    const path = fixture(context, 2)
    const pages = readFileSync(path)
    const page = Math.floor(pages.lastIndexOf('event-3') / pageSize)
    pages.fill(0xff, page * pageSize, page * pageSize + 16)
    writeFileSync(path, pages)
    assert.throws(() => new SqliteEventStore({ path }), { code: 'store-corrupt', message: /opening.*restore a backup/ })
    assert.deepEqual(readFileSync(path), pages)
  })

  test('is converted once and alike, however many are moved at a time', (context) => {
    const converted = [1, 2, 3, 5, 1000].map((rowsPerBatch) => {
      const raw = new DatabaseSync(fixture(context, 2))
      raw.exec(eventStoreMigrations[2]?.sql ?? '')
      convertEventRows(raw, rowsPerBatch)
      const rows = raw.prepare('SELECT * FROM events').all()
      assert.deepEqual(raw.prepare('SELECT * FROM events_before').all(), [])
      raw.close()
      return rows
    })
    assert.equal(converted[0]?.length, 5)
    for (const rows of converted) assert.deepEqual(rows, converted[0])
  })
})

function fixture(context: TestContext, version: number): string {
  const path = join(temporaryFolder(context), 'events.db')
  copyFileSync(join(import.meta.dirname, `../fixtures/event-store-v${version}.db`), path)
  return path
}

/** Damages a file that no store has open. */
function change(path: string, sql: string): void {
  const raw = new DatabaseSync(path)
  raw.exec(sql)
  raw.close()
}
