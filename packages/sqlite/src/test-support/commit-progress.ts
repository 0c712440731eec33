/**
 * Runs the processor of a view until it is killed: commits changes of all documents together with its progress, which parks
 * one more aggregate each time. Writes a line when it has the processor, and the position after each commit.
 * Arguments: the database file, and how many documents.
 */

import { writeSync } from 'node:fs'
import { SqliteViewStore } from '../sqlite-view-store.ts'
import { deadLetter, nextStep, processorName } from './sample-steps.ts'
import { changeAll, numbersView } from './sample-views.ts'

const [path = '', documents = ''] = process.argv.slice(2)
const store = new SqliteViewStore({ path })
const { progressStore } = store
await store.openView(numbersView)
const leaseMs = 3_600_000
const claim = await progressStore.claimProcessor(processorName, { owner: `${process.pid}`, now: Date.now(), leaseMs })
if (claim === undefined) throw new Error('The processor was refused.')
writeSync(1, 'claimed\n')
for (let position = await store.getCheckpoint(numbersView); ; position++) {
  const parked = [{ kind: 'put' as const, sequence: deadLetter(`p-${position + 1}`) }]
  const progress = { ...nextStep(claim, position, Date.now() + leaseMs), deadLetters: parked }
  await store.commit(numbersView, { ...changeAll(position, Number(documents)), progress })
  writeSync(1, `${position + 1}\n`)
}
