/** An owner that was away for too long: whatever it saves late is refused, and nothing of it is doubled. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { Child } from './test-support/child.ts'
import { inspectStores } from './test-support/fault-suite/inspection.ts'
import { openRivalEvents, type Rival, stoppingPoints } from './test-support/fault-suite/taking-over.ts'
import { seededRandom } from './test-support/seeded-random.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const script = 'fault-suite/rival.ts'
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000)
const rounds = Math.ceil(Number(process.env.CIM_KILLS ?? 80) / 20)
const processors = ['LedgerView', 'WatcherView', 'Letters'] as const
/** Longer than a take-over should take. */
const endTimeoutMs = 60_000

describe('a process that is stopped for longer than its lease', () => {
  test('is refused when it goes on, and views equal their events whoever is killed then', async (context) => {
    context.diagnostic(`seed ${seed}: repeat with CIM_SEED=${seed}`)
    const folder = temporaryFolder(context)
    process.env.NODE_COMPILE_CACHE ??= join(folder, 'cache')
    for (let round = 0; round < rounds; round++) {
      await Promise.all(processors.map((processor, index) => takeOver(folder, seed + round * 3 + index, processor)))
    }
  })
})

async function takeOver(parent: string, roundSeed: number, processor: Rival['processor']): Promise<void> {
  const folder = join(parent, `${processor}-${roundSeed}`)
  mkdirSync(folder)
  const random = seededRandom(roundSeed)
  const points = stoppingPoints[processor]
  const point = points[random(points.length)] ?? ''
  const rival: Rival = { seed: roundSeed, processor }
  const fault = { point, occurrence: 1 + random(3), signal: 'SIGSTOP' } as const
  await using first = new Child(script, { args: [folder, JSON.stringify({ ...rival, fault })] })
  const inTime = AbortSignal.timeout(endTimeoutMs)
  let other: Child | undefined
  try {
    await first.said('reached', inTime)
    other = new Child(script, { args: [folder, JSON.stringify(rival)] })
    await other.said('saved', inTime)
    assert.ok(!first.lines.includes('refused'))
    await continueUntil('refused', first, inTime)
    // While it works, or when it has done everything.
    if (random(2) === 0) await other.said('done', inTime)
    await other.kill()
    assert.equal(await first.ended(inTime), 0, first.errors)
    await using viewStore = new SqliteViewStore({ path: join(folder, 'views.db') })
    const eventStore = await openRivalEvents(roundSeed)
    const effectsPath = join(folder, 'effects.jsonl')
    await inspectStores({ eventStore, viewStore, effectsPath, isFinished: true, hasReaction: processor === 'Letters' })
  } catch (error) {
    const said = `the first said:\n${first.lines.join('\n')}\nand the other:\n${other?.lines.join('\n')}`
    throw new Error(`CIM_SEED=${seed}, ${JSON.stringify({ ...rival, fault })}; ${said}`, { cause: error })
  } finally {
    await other?.kill()
  }
}

/** Says it again and again: a stop may take effect only after it was announced, and would then outlast a single word. */
async function continueUntil(line: string, child: Child, signal: AbortSignal): Promise<void> {
  const again = setInterval(() => child.signal('SIGCONT'), 50)
  try {
    await child.said(line, signal)
  } finally {
    clearInterval(again)
  }
}
