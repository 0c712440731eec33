/** A claim is worth as much as the process that has it. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { hasEnded, thisProcess } from './claim-holder.ts'

const self = thisProcess()

test('this process has not ended, in whichever thread it is asked', async () => {
  assert.equal(hasEnded(self, self), false)
  const worker = new Worker(new URL('./test-support/tell-claim-holder.ts', import.meta.url))
  const [holder] = await once(worker, 'message')
  assert.deepEqual(holder, self)
})

test('a process that ended has ended, and one that runs has not', () => {
  const { pid: ended } = spawnSync(process.execPath, ['--version'])
  assert.equal(hasEnded({ ...self, processId: ended }, self), true)
  assert.equal(hasEnded({ ...self, processId: process.ppid }, self), false)
})

test('an earlier process with the id of this one has ended', () => {
  assert.equal(hasEnded({ ...self, processStart: self.processStart - 60_000 }, self), true)
})

test('of a process on another machine nothing is known', () => {
  const { pid: ended } = spawnSync(process.execPath, ['--version'])
  assert.equal(hasEnded({ ...self, machine: 'elsewhere', processId: ended }, self), false)
  assert.equal(hasEnded({ ...self, machine: 'elsewhere', processStart: 0 }, self), false)
})
