/** Draws results: one SVG file for each plot of a scenario. */

import type { Cell, MeasuredCell, Plot, Unit } from './scenario.ts'
import { median } from './statistics.ts'

/** What is drawn: the points of each series, at the same places of the horizontal axis. */
export interface PlotData {
  readonly places: readonly string[]
  readonly unit: Unit
  readonly series: readonly PlotSeries[]
}

/** Medians with the least and the greatest value, undefined where there is none. */
export interface PlotSeries {
  readonly name: string
  readonly points: readonly (
    | { readonly median: number; readonly least: number; readonly greatest: number }
    | undefined
  )[]
}

/** As much of echarts as is used here. */
export interface Echarts {
  init(dom: null, theme: null, options: { renderer: 'svg'; ssr: true; width: number; height: number }): EchartsChart
}

interface EchartsChart {
  setOption(option: unknown): void
  renderToSVGString(): string
  dispose(): void
}

interface WhiskerApi {
  value(dimension: number): number
  coord(point: readonly [number, number]): [number, number]
  barLayout(options: { count: number }): readonly { readonly offsetCenter: number }[]
}

const [width, height] = [720, 360]
/** Told apart by everybody: the palette of Okabe and Ito. */
const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']
const ink = '#57606a'

/**
 * @param plot what to show
 * @param cells of the scenario's table
 * @returns the points; places and series without any value are left out
 */
export function plotData({ rows = /(.*)/, columns }: Plot, cells: readonly Cell[]): PlotData {
  const measured = cells.filter((cell): cell is MeasuredCell => 'runs' in cell && columns.includes(cell.column))
  const shown = measured.filter(({ row }) => rows.test(row))
  const names = [...new Set(shown.map(({ row }) => row))]
  const series = columns
    .map((name) => ({
      name,
      points: names.map((row) => {
        const runs = shown.find((cell) => cell.row === row && cell.column === name)?.runs
        if (runs === undefined) return undefined
        return { median: median(runs), least: Math.min(...runs), greatest: Math.max(...runs) }
      }),
    }))
    .filter(({ points }) => points.some((point) => point !== undefined))
  return { places: names.map((row) => rows.exec(row)?.[1] ?? row), unit: shown[0]?.unit ?? '', series }
}

/** @returns the plot as SVG, the same for the same cells */
export function drawPlot(echarts: Echarts, plot: Plot, cells: readonly Cell[]): string {
  const { places, unit, series } = plotData(plot, cells)
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: 'sans-serif' },
      backgroundColor: '#ffffff',
      title: { text: plot.title, left: 'center', textStyle: { fontSize: 14, color: '#24292f' } },
      legend: { bottom: 0, itemGap: 24, data: series.map(({ name }) => name), textStyle: { color: ink } },
      grid: { left: 80, right: 24, top: 44, bottom: 62 },
      xAxis: {
        type: 'category',
        data: places,
        name: plot.places,
        nameLocation: 'middle',
        axisLabel: { interval: 0, color: ink },
        nameGap: 24,
      },
      yAxis: {
        type: plot.isLogarithmic ? 'log' : 'value',
        name: unit === '×' ? 'ratio' : unit,
        axisLabel: { color: ink },
      },
      series: series.flatMap((one, index) => [
        line(plot, one, colors[index % colors.length] ?? ink),
        whiskers(plot, one, index, series.length),
      ]),
    })
    return `${chart.renderToSVGString()}\n`
  } finally {
    chart.dispose()
  }
}

function line({ kind }: Plot, { name, points }: PlotSeries, color: string) {
  return {
    name,
    type: kind === 'bars' ? 'bar' : 'line',
    symbolSize: 7,
    itemStyle: { color },
    data: points.map((point) => point?.median ?? null),
  }
}

/** From the least to the greatest value. */
function whiskers({ kind }: Plot, { points }: PlotSeries, index: number, count: number) {
  return {
    type: 'custom',
    silent: true,
    z: 5,
    data: points.flatMap((point, place) => (point === undefined ? [] : [[place, point.least, point.greatest]])),
    renderItem: (_: unknown, api: WhiskerApi) => {
      const offset = kind === 'bars' ? (api.barLayout({ count })[index]?.offsetCenter ?? 0) : 0
      const [x, from] = api.coord([api.value(0), api.value(1)])
      const [, to] = api.coord([api.value(0), api.value(2)])
      const shape = { x1: x + offset, y1: from, x2: x + offset, y2: to }
      return { type: 'line', shape, style: { stroke: '#24292f', lineWidth: 1.2 } }
    },
  }
}
