// `npm run soak -- --minutes 30`: the People service under a mixed load, killed and started again. `--seed` repeats the moments
// of the kills. Runs of ten minutes or more are kept in scripts/faults/results; `--write-docs` writes the last one into docs/faults.md.
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { describeMachine } from '../bench/harness/machine.ts'
import { writeSection } from './faults/documentation.ts'
import { readResult, saveResult } from './faults/results.ts'
import { type SoakResult, toMarkdown } from './soak/report.ts'
import { runSoak, type SoakOutcome } from './soak/run-soak.ts'

const SHORTEST_KEPT_MINUTES = 10

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    'write-docs': { type: 'boolean', default: false },
  },
})

if (options['write-docs'] && options.minutes === undefined) document()
else await soak(Number(options.minutes ?? '30'), Number(options.seed ?? Date.now() % 1_000_000))

async function soak(minutes: number, seed: number): Promise<void> {
  if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, got '${options.minutes}'.`)
  console.log(`Seed ${seed}: repeat with npm run soak -- --minutes ${minutes} --seed ${seed}`)
  const date = new Date().toISOString()
  const outcome = await runSoak({ seconds: minutes * 60, seed, say: console.log })
  const result: SoakResult = {
    date,
    machine: describeMachine(tmpdir()),
    ...outcome,
    samples: everyMinute(outcome.samples),
  }
  console.log(`\n${toMarkdown(result)}`)
  if (minutes >= SHORTEST_KEPT_MINUTES) saveResult('soak', result)
  if (options['write-docs']) document()
  process.exitCode = outcome.findings.length === 0 ? 0 : 1
}

function document(): void {
  const result = readResult<SoakResult>('soak')
  if (result === undefined) throw new Error('No soak is kept: run npm run soak -- --minutes 30 first.')
  writeSection('soak', toMarkdown(result))
}

function everyMinute(samples: SoakOutcome['samples']): SoakOutcome['samples'] {
  const byMinute = Map.groupBy(samples, ({ second }) => Math.floor(second / 60))
  return [...byMinute.values()].flatMap(([first]) => first ?? [])
}
