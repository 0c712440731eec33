/** Keeps results: one JSON file and one Markdown file for each scenario, and all tables in the documentation. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Machine } from './machine.ts'
import { preparePeers, requirePeer } from './peers.ts'
import { drawPlot, type Echarts } from './plot.ts'
import type { Scenario, ScenarioOutcome } from './scenario.ts'
import type { Size } from './settings.ts'
import { toMarkdownTable } from './table.ts'

/** A scenario's outcome, with everything that it depends on. */
export interface Result extends ScenarioOutcome {
  readonly scenario: string
  readonly size: Size
  /** ISO-8601, UTC. */
  readonly date: string
  readonly seconds: number
  readonly machine: Machine
}

const bench = dirname(import.meta.dirname)
const folder = join(bench, 'results')
const documentation = join(bench, '..', 'docs', 'benchmarks.md')
const plotFolder = join(dirname(documentation), 'plots')
const [begin, end] = ['<!-- results: written by npm run bench -- --write-docs -->', '<!-- end of results -->']

/** @returns the result as a Markdown section */
export function toMarkdown({ title }: Scenario, result: Result): string {
  const { cpu, cores, memoryGb, system, fileSystem, syncMs, node, sqlite, cim } = result.machine
  const facts = [
    `${result.date.slice(0, 10)}, ${result.size} size, ${Math.round(result.seconds)} s`,
    `${cpu}, ${cores} cores, ${memoryGb} GB, ${system}, ${fileSystem}`,
    `fdatasync of 4 KiB: p50 ${syncMs.p50.toFixed(2)} ms, p99 ${syncMs.p99.toFixed(2)} ms`,
    `CIM ${cim}, Node ${node}, SQLite ${sqlite}`,
  ]
  const notes = result.notes.map((note) => `- ${note}`).join('\n')
  return [`### ${title}`, toMarkdownTable(result.cells), notes, `<sub>${facts.join(' · ')}</sub>`]
    .filter((part) => part !== '')
    .join('\n\n')
}

/** Writes a result's files. */
export function saveResult(scenario: Scenario, result: Result): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${scenario.name}.json`), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(join(folder, `${scenario.name}.md`), `${toMarkdown(scenario, result)}\n`)
}

/** @returns the scenario's saved result, undefined when there is none */
export function readResult({ name }: Scenario): Result | undefined {
  const path = join(folder, `${name}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Result) : undefined
}

/**
 * Writes what each scenario is about, its plots and its saved result between the markers in docs/benchmarks.md.
 * @param say is told when something is installed
 * @throws {Error} when the markers are not there, or what draws the plots cannot be installed
 */
export async function writeDocumentation(scenarios: readonly Scenario[], say: (line: string) => void): Promise<void> {
  const text = readFileSync(documentation, 'utf8')
  const [before, after] = [text.split(begin), text.split(end)]
  if (before.length !== 2 || after.length !== 2) {
    throw new Error(`${documentation} must contain the lines ${begin} and ${end}, once each.`)
  }
  const problem = await preparePeers(true, say)
  if (problem !== undefined) throw new Error(`The plots cannot be drawn: ${problem}`)
  const echarts = requirePeer<Echarts>('echarts')
  rmSync(plotFolder, { recursive: true, force: true })
  mkdirSync(plotFolder, { recursive: true })
  const sections = scenarios.map((scenario) => {
    const result = readResult(scenario)
    if (result === undefined) return `### ${scenario.title}\n\n${scenario.about}\n\nNot measured yet.`
    const [title = '', ...rest] = toMarkdown(scenario, result).split('\n\n')
    const plots = (scenario.plots ?? []).map((plot) => {
      writeFileSync(join(plotFolder, `${plot.name}.svg`), drawPlot(echarts, plot, result.cells))
      return `![${plot.title}](plots/${plot.name}.svg)`
    })
    return [title, scenario.about, ...plots, ...rest].join('\n\n')
  })
  writeFileSync(documentation, `${before[0]}${begin}\n\n${sections.join('\n\n')}\n\n${end}${after[1]}`)
}
