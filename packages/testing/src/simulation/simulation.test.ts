/**
 * Many short runs of the runtime with faults, each of which its seed repeats. `CIM_SEEDS` says how many; `CIM_SEED` runs that
 * one alone.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { env } from 'node:process'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { FailedSeed, Seeds } from './simulation-worker.ts'

const { CIM_SEED: seed, CIM_SEEDS: count = '10000' } = env
const seeds: Seeds = seed === undefined ? { first: 1, count: Number(count) } : { first: Number(seed), count: 1 }

describe('processors in a world of faults', () => {
  test('make each effect exactly once and in order, whatever fails meanwhile', async () => {
    assert.ok(seeds.count >= 1 && Number.isInteger(seeds.first), 'CIM_SEED and CIM_SEEDS are whole numbers')
    const worker = new Worker(new URL('simulation-worker.ts', import.meta.url), { workerData: seeds })
    let failed: FailedSeed | undefined
    worker.once('message', (message: FailedSeed) => {
      failed = message
    })
    const [exitCode] = await once(worker, 'exit')
    if (failed !== undefined) {
      assert.fail(`Seed ${failed.seed} fails; CIM_SEED=${failed.seed} repeats it. ${failed.reason}`)
    }
    assert.equal(exitCode, 0)
  })
})
