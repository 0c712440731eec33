import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { plotData } from './harness/plot.ts'
import { readResult } from './harness/results.ts'
import type { Cell, ScenarioContext } from './harness/scenario.ts'
import { ScratchFolder } from './harness/scratch.ts'
import { settingsOf } from './harness/settings.ts'
import { reaches, toMarkdownTable } from './harness/table.ts'
import { scenarios } from './scenarios.ts'
import { fillStore } from './stores/fill-store.ts'

const settings = settingsOf.tiny

suite('every scenario runs in a tiny size and gives a whole table', { concurrency: 2 }, () => {
  for (const scenario of scenarios) {
    test(scenario.name, async () => {
      using scratch = new ScratchFolder()
      const largeStore = `${scratch.path}/large.db`
      if (scenario.needsLargeStore) await fillLargeStore(largeStore)
      const context: ScenarioContext = {
        settings,
        folder: scratch.path,
        largeStore,
        mayInstall: false,
        say: () => undefined,
      }
      const { cells } = await scenario.run(context)
      assert.ok(cells.length > 0)
      for (const cell of cells) checkCell(cell)
      for (const { column } of cells) assert.ok(toMarkdownTable(cells).includes(column))
    })
  }
})

test('the median of all runs decides whether an aim is reached', () => {
  const runs = [0.5, 0.9, 0.8]
  const cell = { row: 'row', column: 'column', unit: '×', runs } as const
  assert.equal(reaches({ ...cell, aim: { atLeast: 0.8 } }), true)
  assert.equal(reaches({ ...cell, aim: { atLeast: 0.81 } }), false)
  assert.equal(reaches({ ...cell, aim: { atMost: 0.79 } }), false)
  assert.equal(reaches(cell), undefined)
})

test('a table shows medians with their spread, units, aims, and why a value is missing', () => {
  const table = toMarkdownTable([
    { row: 'one', column: 'speed', unit: '/s', runs: [1200, 1000, 1400] },
    { row: 'one', column: 'ratio', unit: '×', runs: [0.5], aim: { atLeast: 0.7 } },
    { row: 'other', column: 'speed', failure: 'It did not start.' },
  ])
  assert.equal(
    table,
    [
      '|       |           speed, /s |                        ratio |',
      '| ----- | ------------------: | ---------------------------: |',
      '| one   | 1,200 (1,000–1,400) | 0.50, aim ≥ 0.70: **missed** |',
      '| other |         no result ¹ |                              |',
      '',
      '¹ It did not start.',
    ].join('\n'),
  )
})

test('a plot shows the rows and columns that it names, and leaves out what was not measured', () => {
  const plot = { name: 'p', title: 'Speed', kind: 'lines', rows: /^(\d+) callers?$/, places: 'callers' } as const
  const data = plotData({ ...plot, columns: ['fast', 'broken', 'slow'] }, [
    { row: '1 caller', column: 'fast', unit: '/s', runs: [3, 1, 2] },
    { row: '1 caller', column: 'broken', failure: 'It did not start.' },
    { row: '16 callers', column: 'fast', unit: '/s', runs: [5] },
    { row: '16 callers', column: 'slow', unit: '/s', runs: [4, 4] },
    { row: '16 callers', column: 'ratio', unit: '×', runs: [0.8] },
    { row: 'at a fixed rate', column: 'fast', unit: '/s', runs: [9] },
  ])
  assert.deepEqual(data, {
    places: ['1', '16'],
    unit: '/s',
    series: [
      {
        name: 'fast',
        points: [
          { median: 2, least: 1, greatest: 3 },
          { median: 5, least: 5, greatest: 5 },
        ],
      },
      { name: 'slow', points: [undefined, { median: 4, least: 4, greatest: 4 }] },
    ],
  })
})

test('every plot names a column that its scenario measures, each by a name of its own', () => {
  const plots = scenarios.flatMap((scenario) => (scenario.plots ?? []).map((plot) => ({ scenario, plot })))
  assert.equal(new Set(plots.map(({ plot }) => plot.name)).size, plots.length)
  for (const { scenario, plot } of plots) {
    const result = readResult(scenario)
    if (result === undefined) continue
    assert.notDeepEqual(plotData(plot, result.cells).series, [], plot.name)
  }
})

function checkCell(cell: Cell): void {
  const name = `${cell.row}, ${cell.column}`
  if ('failure' in cell) {
    assert.notEqual(cell.failure, '', name)
    return
  }
  assert.ok(cell.runs.length > 0, name)
  for (const value of cell.runs) assert.ok(Number.isFinite(value) && value >= 0, `${name}: ${value}`)
}

async function fillLargeStore(path: string): Promise<void> {
  const eventsPerAggregate = settings.largeStoreEvents / settings.aggregates
  await fillStore({ path, aggregates: settings.aggregates, eventsPerAggregate, snapshotAt: 90 })
}
