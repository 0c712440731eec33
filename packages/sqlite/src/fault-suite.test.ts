/**
 * Processes that are killed at any await of the runtime, and at any SQL statement, lose nothing, do nothing twice, and keep
 * the order of each aggregate. CIM_KILLS says how many kills, CIM_SEED repeats a run.
 */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Child } from './test-support/child.ts'
import { inspect } from './test-support/fault-suite/inspection.ts'
import { type Life, planLife } from './test-support/fault-suite/plan-life.ts'
import { Witness } from './test-support/fault-suite/witness.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const kills = Number(process.env.CIM_KILLS ?? 80)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000)
const killsPerRound = 20
/** Longer than any life should take. */
const lifeTimeoutMs = 60_000

interface Tally {
  kills: number
  /** Kills by the point at which they came; the others came when all work was done. */
  readonly points: Map<string, number>
  events: number
}

describe('processes that are killed', () => {
  test('leave views that equal their events, nothing twice, nothing missing, in order', async (context) => {
    context.diagnostic(`seed ${seed}: repeat with CIM_SEED=${seed} CIM_KILLS=${kills}`)
    const folder = temporaryFolder(context)
    // A third of the time that a process takes to start.
    process.env.NODE_COMPILE_CACHE ??= join(folder, 'cache')
    const tally: Tally = { kills: 0, points: new Map(), events: 0 }
    const rounds = Array.from({ length: Math.ceil(kills / killsPerRound) }, (_, round) => round)
    const work = async (): Promise<void> => {
      for (let round = rounds.shift(); round !== undefined; round = rounds.shift()) {
        await runRound(join(folder, String(round)), round, tally)
      }
    }
    await Promise.all([work(), work()])
    const atPoints = [...tally.points.values()].reduce((sum, count) => sum + count, 0)
    context.diagnostic(
      `${tally.kills} kills, ${atPoints} of them at ${tally.points.size} fault points; ${tally.events} events`,
    )
    assert.ok(tally.kills >= kills)
    assert.ok(atPoints >= tally.kills / 2, 'most processes reach the point at which they are to be killed')
  })
})

async function runRound(folder: string, round: number, tally: Tally): Promise<void> {
  mkdirSync(folder)
  const witness = new Witness()
  const roundSeed = seed + round
  for (let number = 1; number <= killsPerRound; number++) {
    const life = planLife(roundSeed, number, seed + round * killsPerRound + number)
    const point = await live(folder, life, witness)
    tally.kills++
    if (point !== undefined) tally.points.set(point, (tally.points.get(point) ?? 0) + 1)
  }
  await live(folder, { seed: roundSeed, number: killsPerRound + 1, actions: ['rebuild', 'promote'] }, witness)
  tally.events += (await inspect(folder, true)).events.length
}

/** @returns the point at which it was killed, undefined when it had done everything before */
async function live(folder: string, life: Life, witness: Witness): Promise<string | undefined> {
  const child = new Child('fault-suite/live.ts', { args: [folder, JSON.stringify(life)] })
  try {
    const ended = await child.ended(AbortSignal.timeout(lifeTimeoutMs))
    assert.equal(ended, life.fault === undefined ? 0 : 'SIGKILL', `it ended otherwise: ${child.errors}`)
    // A last line that the kill cut off was not heard by anyone; but whole lines are written at once.
    witness.hear(child.lines)
    witness.check(await inspect(folder, life.fault === undefined))
    return child.lines.find((line) => line.startsWith('reached '))?.slice('reached '.length)
  } catch (error) {
    const said = child.lines.join('\n')
    throw new Error(`CIM_SEED=${seed}, ${folder}, ${JSON.stringify(life)}, which said:\n${said}`, { cause: error })
  } finally {
    await child.kill()
  }
}
