/**
 * Writes the database files of the schema version that the program now has, as small as they can be, into a folder. Run it
 * when a version is released, and keep the files: later versions must be able to read them.
 * Arguments: the folder.
 */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SqliteEventStore } from '../sqlite-event-store.ts'
import { SqliteViewStore } from '../sqlite-view-store.ts'
import { person } from './sample-events.ts'
import { deadLetter, nextStep, processorName } from './sample-steps.ts'
import { changeAll, numbersView } from './sample-views.ts'

const [folder = ''] = process.argv.slice(2)

function newFile(name: string): string {
  const path = join(folder, name)
  const raw = new DatabaseSync(path)
  raw.exec('PRAGMA page_size = 512; PRAGMA journal_mode = WAL')
  raw.close()
  return path
}

const indexPace = { shortestRun: 4, longestRun: 4, entriesPerCommit: 1000, rowsPerInsert: 2 }
const now = (): number => Date.UTC(2026, 0, 1)
let ids = 0
const newId = (): string => `event-${++ids}`
const events = new SqliteEventStore({ path: newFile('event-store-v3.db'), now, newId }, { indexPace })
for (const [index, aggregateId] of ['ada', 'bob', 'ada', 'eve 😀', 'ada'].entries()) {
  const commandId = `command-${index}`
  const metadata = { correlationId: 'root', causationId: commandId, commandId, userId: 'user', sessionId: 'session' }
  const event = { eventType: 'Noted', eventData: { index, text: 'NUL \0, half a pair \ud800' }, metadata }
  const command = { commandId, fingerprint: index }
  await events.appendEvents(person(aggregateId), [event], { expectedVersion: 'any', command })
}
await events.recordCommand(person('bob'), {
  commandId: 'refused',
  fingerprint: 7,
  status: 'Rejected',
  version: 1,
  position: 5,
  timestamp: '2026-01-01T00:00:00.000Z',
  reason: { code: 'no', message: 'No.' },
})
await events.snapshotStore.saveSnapshot(person('ada'), {
  version: 2,
  position: 3,
  timestamp: '2026-01-01T00:00:00.000Z',
  fingerprint: 'definition',
  state: { count: 2 },
})
await events.close()
rmSync(join(folder, 'event-store-v3.db-lock'))

const views = new SqliteViewStore({ path: newFile('view-store-v3.db') })
const { progressStore } = views
await views.openView(numbersView)
await views.promoteView(numbersView, undefined, now())
const claim = await progressStore.claimProcessor(processorName, { owner: 'fixture', now: now(), leaseMs: 1000 })
if (claim === undefined) throw new Error('The processor was refused.')
const progress = {
  ...nextStep(claim, 0, now()),
  seen: { count: 1, checksum: 7 },
  deadLetters: ['ada', 'bob'].map((id) => ({ kind: 'put' as const, sequence: deadLetter(id) })),
}
await views.commit(numbersView, { ...changeAll(0, 3), progress })
const discarding = { reason: 'old', discardedBy: 'eve', now: now() }
await progressStore.discardDeadLetters(processorName, { aggregateId: 'bob' }, discarding)
// Closing gives the processor back: no name of a machine is left in the file.
await views.close()
