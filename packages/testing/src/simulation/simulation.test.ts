/**
 * Many short runs of the runtime with faults, each of which its seed repeats. `CIM_SEEDS` says how many; `CIM_SEED` runs that
 * one alone.
 */

import assert from 'node:assert/strict'
import { env } from 'node:process'
import { describe, test } from 'node:test'
import { simulate } from './simulation.ts'

const [first, count] = env.CIM_SEED === undefined ? [1, Number(env.CIM_SEEDS ?? 10_000)] : [Number(env.CIM_SEED), 1]

describe('processors in a world of faults', () => {
  test('make each effect exactly once and in order, whatever fails meanwhile', async () => {
    for (let seed = first; seed < first + count; seed++) {
      try {
        await simulate(seed)
      } catch (error) {
        assert.fail(`Seed ${seed} fails; CIM_SEED=${seed} repeats it. ${error instanceof Error ? error.stack : error}`)
      }
    }
  })
})
