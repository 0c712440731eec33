/** What a benchmark is, and what it gives. */

import type { Settings } from './settings.ts'

/** One thing that is measured. */
export interface Scenario {
  /** For `--only`, and the name of its result files. */
  readonly name: string
  readonly title: string
  /** What is measured and what each column includes, in Markdown. */
  readonly about: string
  /** True when it works on the large store; see {@link ScenarioContext.largeStore}. */
  readonly needsLargeStore: boolean
  /** What of its table is drawn, too. */
  readonly plots?: readonly Plot[]
  run(context: ScenarioContext): Promise<ScenarioOutcome>
}

/** A picture of some cells: each row a place on the horizontal axis, each column a series. */
export interface Plot {
  /** The name of its file in docs/plots, without the ending. */
  readonly name: string
  readonly title: string
  readonly kind: 'bars' | 'lines'
  /** Which rows are shown; its first group is what stands at the place. All rows when left out. */
  readonly rows?: RegExp
  /** What the places are. */
  readonly places: string
  /** All of one unit. */
  readonly columns: readonly string[]
  readonly isLogarithmic?: boolean
}

/** What a scenario works with. */
export interface ScenarioContext {
  readonly settings: Settings
  /** An empty folder for its data; it is removed afterwards. */
  readonly folder: string
  /** The path of a store with `settings.largeStoreEvents` events; "" unless the scenario needs it. Not to be written to. */
  readonly largeStore: string
  /** Whether the peers may be installed when they are missing. */
  readonly mayInstall: boolean
  /** Tells the person who waits what is going on. */
  say(line: string): void
}

/** What a scenario found. */
export interface ScenarioOutcome {
  readonly cells: readonly Cell[]
  /** What a reader of the table has to know, in Markdown. */
  readonly notes: readonly string[]
}

/** One cell of a scenario's table: what was measured, or why it could not be. */
export type Cell = MeasuredCell | FailedCell

/** Units of measurement. `×` is a ratio. */
export type Unit = '/s' | 'µs' | 'ms' | 's' | 'MB' | '×' | ''

/** A measurement, with the value of every run. */
export interface MeasuredCell {
  readonly row: string
  readonly column: string
  readonly unit: Unit
  readonly runs: readonly number[]
  /** Compared with the median. */
  readonly aim?: Aim
}

/** A measurement that could not be made. */
export interface FailedCell {
  readonly row: string
  readonly column: string
  readonly failure: string
}

/** What a median should be. */
export interface Aim {
  readonly atLeast?: number
  readonly atMost?: number
}

/** Collects the cells of a table. */
export class ResultTable {
  readonly cells: Cell[] = []
  readonly notes: string[] = []

  /** @param runs the value of each run */
  add(row: string, column: string, unit: Unit, runs: readonly number[], aim?: Aim): void {
    this.cells.push({ row, column, unit, runs, ...(aim === undefined ? undefined : { aim }) })
  }

  /** @param failure why there is no value */
  fail(row: string, column: string, failure: string): void {
    this.cells.push({ row, column, failure })
  }

  /** Adds a note, once. */
  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text)
  }
}
