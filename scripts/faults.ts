// `npm run faults -- --minutes 60`: attacks the system with every fault suite in turn until the time is over. `--only sqlite,people`
// runs those whose path contains one of the parts. Whole runs of ten minutes or more are kept; `--write-docs` writes the last into
// docs/faults.md. Ends with 1 when anything was found.
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { describeMachine, type Machine } from '../bench/harness/machine.ts'
import { describeRun, writeSection } from './faults/documentation.ts'
import { readResult, saveResult } from './faults/results.ts'
import { runSuites, type SuiteOutcome } from './faults/run-suites.ts'
import { FAULT_SUITES } from './faults/suites.ts'
import { obtainNatsServer } from './nats-server.ts'

type FaultsResult = {
  readonly date: string
  readonly minutes: number
  readonly machine: Machine
  readonly outcomes: readonly SuiteOutcome[]
}

const SHORTEST_KEPT_MINUTES = 10
const MOST_SEEDS_SHOWN = 5

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string' },
    only: { type: 'string' },
    'write-docs': { type: 'boolean', default: false },
  },
})

if (options['write-docs'] && options.minutes === undefined) document()
else await attack(Number(options.minutes ?? '60'))

async function attack(minutes: number): Promise<void> {
  if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, got '${options.minutes}'.`)
  const parts = options.only?.split(',')
  const suites = FAULT_SUITES.filter(({ file }) => parts?.some((part) => file.includes(part)) ?? true)
  if (suites.length === 0) throw new Error(`No suite has ${options.only} in its path.`)
  const environment = { ...process.env }
  if (suites.some(({ needsNats }) => needsNats === true)) environment.NATS_SERVER = obtainNatsServer()
  const date = new Date().toISOString()
  const outcomes = await runSuites({ suites, milliseconds: minutes * 60_000, environment, say: console.log })
  const result = { date, minutes, machine: describeMachine(tmpdir()), outcomes }
  console.log(`\n${toMarkdown(result)}`)
  if (minutes >= SHORTEST_KEPT_MINUTES && parts === undefined) saveResult('faults', result)
  if (options['write-docs']) document()
  process.exitCode = outcomes.every(({ failures }) => failures.length === 0) ? 0 : 1
}

function document(): void {
  const result = readResult<FaultsResult>('faults')
  if (result === undefined) throw new Error('No run is kept: run npm run faults -- --minutes 60 first.')
  writeSection('faults', toMarkdown(result))
}

function toMarkdown({ date, machine, minutes, outcomes }: FaultsResult): string {
  const rows = outcomes.map(({ guarantee, attack, unit, count, seeds, failures }) => {
    const shown = seeds.slice(0, MOST_SEEDS_SHOWN).join(', ') + (seeds.length > MOST_SEEDS_SHOWN ? ' …' : '')
    const found = failures.length === 0 ? 'nothing' : failures.map((command) => `\`${command}\``).join('<br>')
    return `| ${guarantee} | ${attack} | ${count.toLocaleString('en-US')} ${unit} | ${shown} | ${found} |`
  })
  const table = ['| Guarantee | Attacked by | How often | Seeds | Found |', '|---|---|---|---|---|', ...rows].join('\n')
  return [`${minutes} minutes.`, table, describeRun(date, machine)].join('\n\n')
}
