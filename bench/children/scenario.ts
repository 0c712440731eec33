/** Runs one scenario in a process of its own. */

import { answer, childInput } from '../harness/child.ts'
import type { ScenarioOutcome } from '../harness/scenario.ts'
import { type Size, settingsOf } from '../harness/settings.ts'
import { scenarios } from '../scenarios.ts'

/** What the process is started with. */
export interface ScenarioInput {
  readonly scenario: string
  readonly size: Size
  readonly folder: string
  readonly largeStore: string
  readonly mayInstall: boolean
}

const { scenario: name, size, ...context } = childInput<ScenarioInput>()
const scenario = scenarios.find((one) => one.name === name)
if (scenario === undefined) throw new Error(`There is no scenario ${name}.`)
const { cells, notes } = await scenario.run({
  ...context,
  settings: settingsOf[size],
  say: (line) => console.log(line),
})
answer({ cells, notes } satisfies ScenarioOutcome)
