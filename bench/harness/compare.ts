/** Tells what has become slower between two revisions, and what only looks like it. */

import type { Cell, MeasuredCell, Unit } from './scenario.ts'
import { median } from './statistics.ts'
import { alignColumns, formatRuns } from './table.ts'

/** What became of one cell. */
export interface Comparison {
  readonly row: string
  readonly column: string
  readonly unit: Unit
  /** The median of each turn. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** How much better it is: 1.1 is a tenth faster, or a tenth less memory. */
  readonly gain: number
  readonly verdict: 'slower' | 'faster' | 'same'
}

/** A smaller change is none, however sure it is. */
const leastChange = 0.03
/** Of all pairs of a turn before and a turn after, so many must say the same: 24 of 25, with five turns each. */
const leastAgreement = 0.96

const moreIsBetter: Readonly<Record<Unit, boolean | undefined>> = {
  '/s': true,
  '×': true,
  µs: false,
  ms: false,
  s: false,
  MB: false,
  '': undefined,
}

/**
 * @param before the cells of a scenario, for each turn
 * @param after those of the other revision
 * @returns every cell that both have measured in each turn
 */
export function compareTurns(
  before: readonly (readonly Cell[])[],
  after: readonly (readonly Cell[])[],
): readonly Comparison[] {
  return (after[0] ?? []).flatMap((cell) => {
    const [mediansBefore, mediansAfter] = [mediansOf(before, cell), mediansOf(after, cell)]
    if (!('runs' in cell) || mediansBefore === undefined || mediansAfter === undefined) return []
    const { row, column, unit } = cell
    const isMoreBetter = moreIsBetter[unit]
    if (isMoreBetter === undefined) return []
    const [former, latter] = [median(mediansBefore), median(mediansAfter)]
    const gain = isMoreBetter ? latter / former : former / latter
    const verdict = judge(gain, agreement(mediansBefore, mediansAfter, isMoreBetter === gain > 1))
    return [{ row, column, unit, before: mediansBefore, after: mediansAfter, gain, verdict }]
  })
}

function mediansOf(turns: readonly (readonly Cell[])[], { row, column }: Cell): readonly number[] | undefined {
  const cells = turns.map((cells) => cells.find((cell) => cell.row === row && cell.column === column))
  const measured = cells.filter((cell): cell is MeasuredCell => cell !== undefined && 'runs' in cell)
  return measured.length === turns.length && turns.length > 0 ? measured.map(({ runs }) => median(runs)) : undefined
}

/** @returns the share of all pairs in which the value rose, or fell */
function agreement(before: readonly number[], after: readonly number[], hasRisen: boolean): number {
  const pairs = before.flatMap((former) => after.map((latter) => (hasRisen ? latter > former : latter < former)))
  return pairs.filter(Boolean).length / pairs.length
}

function judge(gain: number, agreed: number): Comparison['verdict'] {
  if (agreed < leastAgreement || !Number.isFinite(gain)) return 'same'
  if (gain < 1 / (1 + leastChange)) return 'slower'
  return gain > 1 + leastChange ? 'faster' : 'same'
}

/** @returns a Markdown table: what has changed first, and what has not below it */
export function toComparisonTable(comparisons: readonly Comparison[]): string {
  const order = ['slower', 'faster', 'same']
  const sorted = comparisons.toSorted((one, other) => order.indexOf(one.verdict) - order.indexOf(other.verdict))
  const lines = sorted.map(({ row, column, unit, before, after, gain, verdict }) => {
    const percent = `${gain >= 1 ? '+' : '−'}${Math.abs((gain - 1) * 100).toFixed(1)} %`
    return [`${row}, ${column}`, formatRuns(before, unit), formatRuns(after, unit), percent, verdict]
  })
  return alignColumns([['', 'before', 'after', 'better by', 'verdict'], ...lines])
}
