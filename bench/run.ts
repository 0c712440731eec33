// `npm run bench`: side-by-side measurements. `-- --quick` for a quick look, `-- --only append,peers` for some of them (`nats`
// for all whose names begin with `nats-`), `-- --write-docs` to write what was measured last into docs/benchmarks.md,
// `-- --against HEAD~1 --only append` to compare with another revision.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import type { ScenarioInput } from './children/scenario.ts'
import { runChild } from './harness/child.ts'
import { compareTurns, toComparisonTable } from './harness/compare.ts'
import { describeMachine } from './harness/machine.ts'
import { type Result, saveResult, toMarkdown, writeDocumentation } from './harness/results.ts'
import { Revision } from './harness/revision.ts'
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
    against: { type: 'string' },
  },
})
const size = options.quick ? 'quick' : 'full'
const settings = settingsOf[size]
const turnsOfComparison = 5

if (options['write-docs'] && options.only === undefined && !options.quick) await writeDocumentation(scenarios, say)
else if (options.against !== undefined) await compare(options.against, selectScenarios(options.only))
else await measure(selectScenarios(options.only))

function selectScenarios(only: string | undefined): readonly Scenario[] {
  if (only === undefined) return scenarios
  return only.split(',').flatMap((name) => {
    const found = scenarios.filter((scenario) => scenario.name === name || scenario.name.startsWith(`${name}-`))
    if (found.length > 0) return found
    throw new Error(`There is no scenario ${name}. Known: ${scenarios.map((scenario) => scenario.name).join(', ')}.`)
  })
}

/** Both revisions in turns, each with its own benchmarks and stores. Exit code 1 when something has become slower. */
async function compare(against: string, selected: readonly Scenario[]): Promise<void> {
  using scratch = scratchFolder()
  using revision = Revision.checkOut(against, join(scratch.path, 'revision'))
  const sides = [
    { name: revision.commit, bench: join(revision.path, 'bench'), folder: join(scratch.path, 'before') },
    { name: 'here', bench: import.meta.dirname, folder: join(scratch.path, 'after') },
  ] as const
  for (const { name, bench, folder } of sides) {
    mkdirSync(folder)
    if (selected.some(({ needsLargeStore }) => needsLargeStore)) await fillLargeStore(folder, bench, name)
  }
  let isSlower = false
  for (const scenario of selected) {
    const turns = sides.map((): ScenarioOutcome['cells'][] => [])
    for (let turn = 0; turn < turnsOfComparison; turn++) {
      // Nobody always comes first.
      for (const index of turn % 2 === 0 ? [0, 1] : [1, 0]) {
        const { name, bench, folder } = sides[index] ?? sides[0]
        say(`${scenario.name}, turn ${turn + 1} of ${turnsOfComparison}: ${name}`)
        const { cells } = await runScenario(scenario, folder, bench)
        turns[index]?.push(cells)
      }
    }
    const comparisons = compareTurns(turns[0] ?? [], turns[1] ?? [])
    isSlower ||= comparisons.some(({ verdict }) => verdict === 'slower')
    console.log(`\n### ${scenario.title}: ${revision.commit} and here\n\n${toComparisonTable(comparisons)}\n`)
  }
  if (isSlower) process.exitCode = 1
}

async function measure(selected: readonly Scenario[]): Promise<void> {
  using scratch = scratchFolder()
  const machine = describeMachine(scratch.path)
  if (selected.some(({ needsLargeStore }) => needsLargeStore)) await fillLargeStore(scratch.path)
  for (const scenario of selected) {
    say(`${scenario.name} ...`)
    const start = performance.now()
    const outcome = await runScenario(scenario, scratch.path)
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

function runScenario(
  { name, needsLargeStore }: Scenario,
  folder: string,
  bench: string = import.meta.dirname,
): Promise<ScenarioOutcome> {
  const input: ScenarioInput = {
    scenario: name,
    size,
    folder,
    largeStore: needsLargeStore ? largeStoreIn(folder) : '',
    mayInstall: true,
  }
  return runChild<ScenarioOutcome>(join(bench, 'children', 'scenario.ts'), input, {
    onLine: (line) => say(`  ${line}`),
  })
}

function scratchFolder(): ScratchFolder {
  const scratch = new ScratchFolder()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      scratch[Symbol.dispose]()
      process.exit(1)
    })
  }
  return scratch
}

function largeStoreIn(folder: string): string {
  return join(folder, 'large.db')
}

async function fillLargeStore(folder: string, bench: string = import.meta.dirname, of = 'a store'): Promise<void> {
  say(`filling ${of} with ${settings.largeStoreEvents.toLocaleString('en-US')} events ...`)
  const fill: FillOptions = {
    path: largeStoreIn(folder),
    aggregates: settings.aggregates,
    eventsPerAggregate: settings.largeStoreEvents / settings.aggregates,
    snapshotAt: Math.floor((settings.largeStoreEvents / settings.aggregates) * 0.9),
  }
  await runChild(join(bench, 'children', 'fill-store.ts'), { ...fill })
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
