/**
 * Runs a processor that others run too, once it is not paused: asks for it, and saves steps of one position each until
 * another has taken it over, then asks again. Writes a line when the store is open, and for each save the position, or why it was refused.
 * Arguments: the database file, the owner's name, how many saves to try, and how long a claim lasts, in milliseconds.
 */

import { writeSync } from 'node:fs'
import { isCimError, type ProcessorClaim } from '@cim/core'
import { SqliteViewStore } from '../sqlite-view-store.ts'
import { nextStep, processorName } from './sample-steps.ts'

const [path = '', owner = '', saves = '', lease = ''] = process.argv.slice(2)
const leaseMs = Number(lease)
await using store = new SqliteViewStore({ path })
const { progressStore } = store
writeSync(1, 'open\n')
while ((await progressStore.readProgress(processorName))?.isPaused !== false) await nextTurn()
let claim: ProcessorClaim | undefined
for (let tried = 0; tried < Number(saves); ) {
  if (claim === undefined) {
    await nextTurn()
    claim = await progressStore.claimProcessor(processorName, { owner, now: Date.now(), leaseMs })
    continue
  }
  tried++
  const progress = await progressStore.readProgress(processorName)
  try {
    await progressStore.saveProgress(nextStep(claim, progress?.position ?? 0, Date.now() + leaseMs))
    writeSync(1, `${(progress?.position ?? 0) + 1}\n`)
  } catch (error) {
    writeSync(1, `${isCimError(error) ? error.code : String(error)}\n`)
    claim = undefined
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
