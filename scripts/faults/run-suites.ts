// Runs the suites in turn, each time with a fresh seed and a larger size, until the time is over.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { root } from '../tools.ts'
import type { FaultSuite } from './suites.ts'

/** What became of one suite. */
export type SuiteOutcome = {
  readonly guarantee: string
  readonly attack: string
  readonly unit: string
  readonly count: number
  readonly seeds: readonly number[]
  /** The command that repeats each failure. */
  readonly failures: readonly string[]
}

export type RunOptions = {
  readonly suites: readonly FaultSuite[]
  readonly milliseconds: number
  readonly environment: NodeJS.ProcessEnv
  readonly say: (line: string) => void
}

const GROWTH = 1.5
/** A suite that takes longer hangs, and that is a failure. */
const LONGEST_MS = 30 * 60_000
const MOST_SEED = 1_000_000

/** Every suite runs at least once, however little time there is. */
export async function runSuites({ suites, milliseconds, environment, say }: RunOptions): Promise<SuiteOutcome[]> {
  const end = performance.now() + milliseconds
  const outcomes = suites.map(({ guarantee, attack, unit }) => {
    return { guarantee, attack, unit, count: 0, seeds: [] as number[], failures: [] as string[] }
  })
  for (let round = 0; round === 0 || performance.now() < end; round++) {
    for (const [index, suite] of suites.entries()) {
      const outcome = outcomes[index]
      if (outcome === undefined || (round > 0 && performance.now() >= end)) continue
      const seed = Math.floor(Math.random() * MOST_SEED)
      const size = Math.round(suite.first * GROWTH ** round)
      const own = { CIM_SEED: String(seed), [suite.size]: String(size) }
      const begun = performance.now()
      const { isSuccess, output } = await runOne(suite.file, { ...environment, ...own })
      const count = suite.count === undefined ? size : countIn(output, suite.count)
      outcome.count += count
      outcome.seeds.push(seed)
      const repeat = `CIM_SEED=${seed} ${suite.size}=${size} npm test -- ${suite.file}`
      const seconds = Math.round((performance.now() - begun) / 1000)
      say(`${isSuccess ? '✔' : '✖'} ${suite.file}: ${count} ${suite.unit}, ${seconds} s, seed ${seed}`)
      if (isSuccess) continue
      outcome.failures.push(repeat)
      say(`${output}\nRepeat with: ${repeat}`)
    }
  }
  return outcomes
}

export function countIn(output: string, pattern: RegExp): number {
  return [...output.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0)
}

async function runOne(file: string, environment: NodeJS.ProcessEnv): Promise<{ isSuccess: boolean; output: string }> {
  const child = spawn(process.execPath, ['--test', '--conditions=@cim/source', join(root, file)], {
    cwd: root,
    // A test runner that runs tests would take the inner one for its own.
    env: { ...environment, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LONGEST_MS,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { isSuccess: code === 0, output }
}
