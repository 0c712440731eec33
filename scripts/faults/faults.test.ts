import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { root } from '../tools.ts'
import { runSuites } from './run-suites.ts'
import { FAULT_SUITES, type FaultSuite } from './suites.ts'

test('every suite is there, and reads its size and its seed from the environment', () => {
  for (const { file, size } of FAULT_SUITES) {
    assert.ok(existsSync(join(root, file)), file)
    const source = readFileSync(join(root, file), 'utf8')
    assert.ok(source.includes(size) && source.includes('CIM_SEED'), `${file} takes ${size} and CIM_SEED`)
  }
})

test('a suite that fails is named with the command that repeats it, and counts are added up', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'cim-faults-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const suite = (name: string, body: string): FaultSuite => {
    const file = join(folder, `${name}.test.ts`)
    writeFileSync(file, `import { test } from 'node:test'\ntest('it', (context) => { ${body} })\n`)
    const size = 'CIM_KILLS'
    return {
      guarantee: name,
      attack: '',
      file: relative(root, file),
      size,
      first: 4,
      unit: 'kills',
      count: /(\d+) kills/g,
    }
  }
  const suites = [
    suite('holds', `context.diagnostic(process.env.CIM_KILLS + ' kills')`),
    suite('breaks', `context.diagnostic('2 kills'); throw new Error('lost')`),
  ]
  const said: string[] = []
  const options = { suites, milliseconds: 0, environment: process.env, say: (line: string) => said.push(line) }
  const [holds, breaks] = await runSuites(options)
  assert.deepEqual([holds?.count, holds?.failures], [4, []])
  assert.equal(breaks?.count, 2)
  assert.deepEqual(breaks?.failures, [`CIM_SEED=${breaks?.seeds[0]} CIM_KILLS=4 npm test -- ${suites[1]?.file}`])
  assert.ok(said.some((line) => line.includes('lost')))
})
