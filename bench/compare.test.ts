import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { compareTurns, toComparisonTable } from './harness/compare.ts'
import { Revision } from './harness/revision.ts'
import type { Cell, Unit } from './harness/scenario.ts'
import { ScratchFolder } from './harness/scratch.ts'

const git = (...args: readonly string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' })

suite('a comparison of two revisions', () => {
  test('calls slower what nearly every turn says, in the sense of its unit', () => {
    const before = [100, 104, 98, 101, 99]
    const tenthLess = [90, 93, 88, 91, 89]
    for (const [unit, verdict] of [
      ['/s', 'slower'],
      ['×', 'slower'],
      ['ms', 'faster'],
      ['MB', 'faster'],
    ] as const) {
      assert.equal(verdictOf(before, tenthLess, unit), verdict)
      assert.equal(verdictOf(tenthLess, before, unit), verdict === 'slower' ? 'faster' : 'slower')
    }
  })

  test('does not mind one turn that was disturbed', () => {
    assert.equal(verdictOf([100, 104, 98, 101, 40], [90, 93, 88, 91, 30], '/s'), 'same')
    assert.equal(verdictOf([100, 104, 98, 101, 99], [90, 93, 88, 99.5, 89], '/s'), 'same')
    assert.equal(verdictOf([100, 104, 98, 101, 99], [90, 93, 88, 98.5, 89], '/s'), 'slower')
  })

  test('takes neither noise nor less than three percent for a change', () => {
    assert.equal(verdictOf([100, 80, 120, 95, 105], [90, 110, 85, 100, 70], '/s'), 'same')
    assert.equal(verdictOf([100, 100, 100, 100, 100], [98, 98, 98, 98, 98], '/s'), 'same')
  })

  test('says nothing of what one of them has not measured, or what has no better and worse', () => {
    const failed: Cell = { row: 'row', column: 'column', failure: 'It did not start.' }
    const turns = (cell: Cell) => [[cell]]
    assert.deepEqual(compareTurns(turns(failed), turns(measured(1, '/s'))), [])
    assert.deepEqual(compareTurns(turns(measured(1, '/s')), turns(failed)), [])
    assert.deepEqual(compareTurns([[]], turns(measured(1, '/s'))), [])
    assert.deepEqual(compareTurns(turns(measured(1, '')), turns(measured(2, ''))), [])
  })

  test('is told as a table, what became slower first', () => {
    const cells = (speed: number, size: number): readonly Cell[] => [
      { row: 'file', column: 'size', unit: 'MB', runs: [size] },
      { row: 'appends', column: 'speed', unit: '/s', runs: [speed] },
    ]
    assert.equal(
      toComparisonTable(compareTurns([cells(1000, 10)], [cells(500, 10)])),
      [
        '|                | before | after | better by | verdict |',
        '| -------------- | -----: | ----: | --------: | ------: |',
        '| appends, speed |  1,000 |   500 |   −50.0 % |  slower |',
        '| file, size     |   10.0 |  10.0 |    +0.0 % |    same |',
      ].join('\n'),
    )
  })
})

suite('another revision', { skip: isRepository() ? false : 'this is not a git repository' }, () => {
  test('runs with its own packages, and leaves nothing behind', () => {
    using scratch = new ScratchFolder()
    const path = join(scratch.path, 'revision')
    {
      using revision = Revision.checkOut('HEAD', path)
      assert.equal(revision.commit, git('rev-parse', '--short', 'HEAD').trim())
      const resolved = execFileSync(
        process.execPath,
        ['--conditions=@cim/source', '--input-type=module', '-e', "console.log(import.meta.resolve('@cim/core'))"],
        { cwd: join(path, 'bench'), encoding: 'utf8' },
      )
      assert.ok(resolved.includes(`${path}/packages/core/`), resolved)
    }
    assert.equal(existsSync(path), false)
    assert.ok(!git('worktree', 'list').includes(path))
  })

  test('that git does not know is refused', () => {
    using scratch = new ScratchFolder()
    assert.throws(() => Revision.checkOut('no-such-revision', join(scratch.path, 'revision')), {
      message: 'There is no revision no-such-revision in this repository. See git log --oneline.',
    })
  })
})

function verdictOf(before: readonly number[], after: readonly number[], unit: Unit) {
  const turns = (values: readonly number[]) => values.map((value) => [measured(value, unit)])
  return compareTurns(turns(before), turns(after))[0]?.verdict
}

function measured(value: number, unit: Unit): Cell {
  return { row: 'row', column: 'column', unit, runs: [value] }
}

function isRepository(): boolean {
  try {
    return git('rev-parse', '--is-inside-work-tree').trim() === 'true'
  } catch {
    return false
  }
}
