// `npm run bench`: side-by-side measurements. `-- --quick` for a quick look, `-- --only append,peers` for some of them (`nats`
// for all whose names begin with `nats-`), `-- --write-docs` to write what was measured last into docs/benchmarks.md.

import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import type { ScenarioInput } from './children/scenario.ts'
import { runChild } from './harness/child.ts'
import { describeMachine } from './harness/machine.ts'
import { type Result, saveResult, toMarkdown, writeDocumentation } from './harness/results.ts'
import type { Scenario, ScenarioOutcome } from './harness/scenario.ts'
import { ScratchFolder } from './harness/scratch.ts'
import { settingsOf } from './harness/settings.ts'
import { scenarios } from './scenarios.ts'
import type { FillOptions } from './stores/fill-store.ts'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    'write-docs': { type: 'boolean', default: false },
  },
})
const size = options.quick ? 'quick' : 'full'
const settings = settingsOf[size]

if (options['write-docs'] && options.only === undefined && !options.quick) await writeDocumentation(scenarios, say)
else await measure(selectScenarios(options.only))

function selectScenarios(only: string | undefined): readonly Scenario[] {
  if (only === undefined) return scenarios
  return only.split(',').flatMap((name) => {
    const found = scenarios.filter((scenario) => scenario.name === name || scenario.name.startsWith(`${name}-`))
    if (found.length > 0) return found
    throw new Error(`There is no scenario ${name}. Known: ${scenarios.map((scenario) => scenario.name).join(', ')}.`)
  })
}

async function measure(selected: readonly Scenario[]): Promise<void> {
  using scratch = new ScratchFolder()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      scratch[Symbol.dispose]()
      process.exit(1)
    })
  }
  const machine = describeMachine(scratch.path)
  const largeStore = join(scratch.path, 'large.db')
  if (selected.some(({ needsLargeStore }) => needsLargeStore)) await fillLargeStore(largeStore)
  for (const scenario of selected) {
    say(`${scenario.name} ...`)
    const start = performance.now()
    const input: ScenarioInput = {
      scenario: scenario.name,
      size,
      folder: scratch.path,
      largeStore: scenario.needsLargeStore ? largeStore : '',
      mayInstall: true,
    }
    const outcome = await runChild<ScenarioOutcome>(join(import.meta.dirname, 'children', 'scenario.ts'), input, {
      onLine: (line) => say(`  ${line}`),
    })
    const seconds = (performance.now() - start) / 1000
    const result: Result = {
      scenario: scenario.name,
      size,
      date: new Date().toISOString(),
      seconds,
      machine,
      ...outcome,
    }
    console.log(`\n${toMarkdown(scenario, result)}\n`)
    // Quick numbers are for a quick look: they are not kept.
    if (size === 'full') saveResult(scenario, result)
  }
  if (size === 'full') await writeDocumentation(scenarios, say)
}

async function fillLargeStore(path: string): Promise<void> {
  say(`filling a store with ${settings.largeStoreEvents.toLocaleString('en-US')} events ...`)
  const fill: FillOptions = {
    path,
    aggregates: settings.aggregates,
    eventsPerAggregate: settings.largeStoreEvents / settings.aggregates,
    snapshotAt: Math.floor((settings.largeStoreEvents / settings.aggregates) * 0.9),
  }
  await runChild(join(import.meta.dirname, 'children', 'fill-store.ts'), { ...fill })
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
