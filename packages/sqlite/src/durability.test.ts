/** What was acknowledged is there, however the process ended. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { DomainEventEnvelope } from '@cim/core'
import type { SqliteEventStore } from './sqlite-event-store.ts'
import { Child } from './test-support/child.ts'
import { allEvents, openStore, openTemporaryStore } from './test-support/sample-events.ts'
import { seededRandom } from './test-support/seeded-random.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const script = 'append-until-killed.ts'
const rounds = 8

describe('durability', () => {
  test('every commit waits for the disk', (context) => {
    let database: DatabaseSync | undefined
    openTemporaryStore(context, { opened: (opened) => (database = opened) })
    const pragma = (name: string) => Object.values(database?.prepare(`PRAGMA ${name}`).get() ?? {})[0]
    assert.equal(pragma('journal_mode'), 'wal')
    assert.equal(pragma('synchronous'), 2, 'FULL')
  })

  test('nothing is acknowledged before the system was told to write it to the disk', async (context) => {
    if (spawnSync('strace', ['-V']).status !== 0) return context.skip('strace is not installed')
    const folder = temporaryFolder(context)
    const trace = join(folder, 'trace')
    const launcher = ['strace', '-f', '-y', '-e', 'trace=fsync,fdatasync,write,pwrite64', '-o', trace]
    await using child = new Child(script, { args: [join(folder, 'events.db'), '1', '5'], launcher })
    await child.end()
    let isSynced = true
    let acknowledgments = 0
    for (const call of readFileSync(trace, 'utf8').split('\n')) {
      if (/pwrite64\(\d+<[^>]*events\.db-wal>/.test(call)) isSynced = false
      else if (/(fdatasync|fsync)\(\d+<[^>]*events\.db-wal>\) += 0/.test(call)) isSynced = true
      else if (/write\(1<.*"\[\{\\"eventId/.test(call)) {
        acknowledgments++
        assert.ok(isSynced, `acknowledged too early: ${call.slice(0, 80)}`)
      }
    }
    assert.equal(acknowledgments, 40)
  })

  test('a process that is killed at any moment loses nothing that it acknowledged', async (context) => {
    const seed = Number(process.env.CIM_TEST_SEED ?? Date.now() % 1_000_000)
    context.diagnostic(`seed ${seed}: repeat with CIM_TEST_SEED`)
    const random = seededRandom(seed)
    const path = join(temporaryFolder(context), 'events.db')
    const acknowledged: DomainEventEnvelope[] = []
    for (let round = 0; round < rounds; round++) {
      await using child = new Child(script, { args: [path, `${seed}${round}`] })
      await child.wrote(1)
      await delay(random(120))
      await child.kill()
      // A line that the kill cut off was not heard by anyone.
      const lines = child.lines.filter((line) => line.endsWith(']'))
      const fresh = lines.flatMap((line) => JSON.parse(line) as readonly DomainEventEnvelope[])
      acknowledged.push(...fresh)
      const store = openStore(context, path)
      await checkRound(store, round === rounds - 1 ? acknowledged : fresh)
      await store.close()
      checkFile(path)
    }
    context.diagnostic(`${acknowledged.length} events were acknowledged`)
  })
})

async function checkRound(store: SqliteEventStore, acknowledged: readonly DomainEventEnvelope[]): Promise<void> {
  const log = await allEvents(store)
  for (const event of acknowledged) assert.deepEqual(log[event.position - 1], event)
  const versions = new Map<string, number>()
  const batches = new Map<string, number[]>()
  for (const [index, { position, sequence, aggregateId, metadata, eventData }] of log.entries()) {
    assert.equal(position, index + 1)
    assert.equal(sequence, (versions.get(aggregateId) ?? 0) + 1)
    versions.set(aggregateId, sequence)
    const { place, size } = eventData as { readonly place: number; readonly size: number }
    const places = batches.get(metadata.commandId ?? '') ?? []
    assert.equal(place, places.length)
    batches.set(metadata.commandId ?? '', [...places, size])
  }
  for (const [commandId, sizes] of batches) assert.equal(sizes.length, sizes[0], `${commandId} is stored whole`)
  assert.deepEqual(await store.verify(), { events: log.length, problemCount: 0, problems: [] })
  await checkCommands(store, acknowledged)
}

async function checkCommands(store: SqliteEventStore, acknowledged: readonly DomainEventEnvelope[]): Promise<void> {
  const last = new Map(acknowledged.map((event) => [event.metadata.commandId ?? '', event]))
  for (const [commandId, { aggregateType, aggregateId, sequence }] of last) {
    const record = await store.findCommand({ aggregateType, aggregateId }, commandId)
    assert.equal(record?.version, sequence)
  }
}

function checkFile(path: string): void {
  const reader = new DatabaseSync(path, { readOnly: true })
  try {
    assert.deepEqual(
      reader
        .prepare('PRAGMA integrity_check')
        .all()
        .map((row) => ({ ...row })),
      [{ integrity_check: 'ok' }],
    )
  } finally {
    reader.close()
  }
}
