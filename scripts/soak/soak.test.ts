/** A short soak. CIM_SOAK_SECONDS makes it longer, CIM_SEED repeats the moments of its kills. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSoak } from './run-soak.ts'
import { growthOf, type Sample } from './samples.ts'

const seconds = Number(process.env.CIM_SOAK_SECONDS ?? 8)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000)

test('a service that is killed under a mixed load loses nothing, doubles nothing, and its views equal a fresh replay', async (context) => {
  context.diagnostic(`CIM_SEED=${seed} CIM_SOAK_SECONDS=${seconds} repeats it`)
  const outcome = await runSoak({ seconds, seed, say: (line) => context.diagnostic(line) })
  context.diagnostic(`${outcome.kills} kills, ${outcome.acknowledged} commands, ${outcome.events} events`)
  assert.deepEqual(outcome.findings, [])
  assert.ok(outcome.kills > 0 && outcome.acknowledged > 0 && outcome.notifications > 0)
})

test('what grows in the life of a process is found, and what fills in its first minute is not', () => {
  const samples = (heapMb: (minute: number) => number): Sample[] =>
    Array.from({ length: 60 }, (_, index) => ({
      second: index * 10,
      generation: 1,
      heapMb: heapMb(index / 6),
      residentMb: 200,
      descriptors: 50,
      lagEvents: 0,
      headPosition: 0,
      commands: 0,
      queries: 0,
      notifications: 0,
    }))
  const isFlat = (all: readonly Sample[]) => growthOf(all).map((growth) => growth.isFlat)
  assert.deepEqual(isFlat(samples((minute) => Math.min(minute, 1) * 40)), [true])
  assert.deepEqual(isFlat(samples((minute) => 40 + minute * 3)), [false])
  assert.deepEqual(isFlat(samples(() => 40).map((one) => ({ ...one, descriptors: one.second / 10 }))), [false])
  assert.deepEqual(isFlat(samples(() => 40).slice(0, 10)), [undefined])
})
