/** Results as Markdown, for files, documents and terminals alike. */

import type { Aim, Cell, MeasuredCell, Unit } from './scenario.ts'
import { median } from './statistics.ts'

/**
 * @param cells in the order in which rows and columns shall come
 * @returns a Markdown table: medians, with the least and the greatest value below them in small print
 */
export function toMarkdownTable(cells: readonly Cell[]): string {
  const rows = [...new Set(cells.map(({ row }) => row))]
  const columns = [...new Set(cells.map(({ column }) => column))]
  const failures: string[] = []
  const lines = rows.map((row) => [
    row,
    ...columns.map((column) => textOf(cells.filter((cell) => cell.row === row && cell.column === column)[0], failures)),
  ])
  const table = alignColumns([['', ...columns.map((column) => withUnit(column, cells))], ...lines])
  return [table, ...failures.map((failure, index) => `${footnote(index)} ${failure}`)].join('\n\n')
}

/** @returns whether the median is what it should be; undefined without an aim */
export function reaches(cell: MeasuredCell): boolean | undefined {
  if (cell.aim === undefined) return undefined
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = cell.aim
  const value = median(cell.runs)
  return value >= atLeast && value <= atMost
}

function textOf(cell: Cell | undefined, failures: string[]): string {
  if (cell === undefined) return ''
  if ('failure' in cell) {
    if (!failures.includes(cell.failure)) failures.push(cell.failure)
    return `no result ${footnote(failures.indexOf(cell.failure))}`
  }
  return `${formatRuns(cell.runs, cell.unit)}${mark(cell)}`
}

/** @returns the median, and in brackets the least and the greatest value where they differ */
export function formatRuns(runs: readonly number[], unit: Unit): string {
  const [least, greatest] = [format(Math.min(...runs), unit), format(Math.max(...runs), unit)]
  return `${format(median(runs), unit)}${least === greatest ? '' : ` (${least}–${greatest})`}`
}

function footnote(index: number): string {
  return String(index + 1).replaceAll(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] ?? '')
}

function mark(cell: MeasuredCell): string {
  const isReached = reaches(cell)
  if (isReached === undefined) return ''
  return `, aim ${describeAim(cell.aim ?? {}, cell.unit)}: ${isReached ? 'reached' : '**missed**'}`
}

function describeAim({ atLeast, atMost }: Aim, unit: Unit): string {
  return [
    ...(atLeast === undefined ? [] : [`≥ ${format(atLeast, unit)}`]),
    ...(atMost === undefined ? [] : [`≤ ${format(atMost, unit)}`]),
  ].join(' and ')
}

/** The header of a column says the unit once, unless its cells differ. */
function withUnit(column: string, cells: readonly Cell[]): string {
  const units = new Set(cells.flatMap((cell) => (cell.column === column && 'unit' in cell ? [cell.unit] : [])))
  const [unit] = units
  return units.size === 1 && unit !== undefined && unit !== '' && unit !== '×' ? `${column}, ${unit}` : column
}

function format(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return '–'
  if (unit === '×') return value.toFixed(2)
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  return value >= 10 ? value.toFixed(1) : value.toPrecision(2)
}

/** @returns a Markdown table whose columns stand below each other, all but the first one on the right */
export function alignColumns(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)))
  const [header = '', ...body] = lines.map((line) => {
    const cells = line.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    return `| ${cells.join(' | ')} |`
  })
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [header, `| ${rule.join(' | ')} |`, ...body].join('\n')
}
