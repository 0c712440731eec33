import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from './tools.ts'

const CHILD = JSON.stringify(join(root, 'scripts/child.js'))
const ENDS_WITH_7 = 'process.exit(7)'
const ENDS_WITH_8_ON_SIGNAL = `
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(8))
  setInterval(() => {}, 1000)
  console.log('ready')
`
const DIES_OF_SIGTERM = "setInterval(() => {}, 1000); console.log('ready')"

for (const way of ['become(process.execPath, args)', 'runToEnd(process.execPath, args).then(exit)']) {
  const name = way.slice(0, way.indexOf('('))

  test(`${name} brings the exit code back`, async () => {
    assert.deepEqual(await runThrough(way, ENDS_WITH_7), { code: 7, signal: null })
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${name} lets ${signal} reach the program, which decides how to end`, async () => {
      assert.deepEqual(await runThrough(way, ENDS_WITH_8_ON_SIGNAL, signal), { code: 8, signal: null })
    })
  }
}

test('a program that dies of a signal ends as a shell reports it', async () => {
  const way = 'runToEnd(process.execPath, args).then(exit)'
  assert.deepEqual(await runThrough(way, DIES_OF_SIGTERM, 'SIGTERM'), { code: 143, signal: null })
})

/** Starts a program the given way, sends it a signal once it is ready, and returns how it ended. */
async function runThrough(way: string, program: string, signal?: NodeJS.Signals): Promise<object> {
  const starter = `
    const { become, runToEnd } = await import(${CHILD})
    const args = ['--eval', ${JSON.stringify(program)}]
    const exit = (code) => process.exit(code)
    await ${way}
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', starter], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  if (signal !== undefined) {
    await once(child.stdout, 'data')
    child.kill(signal)
  }
  const [code, endSignal] = await ended
  return { code, signal: endSignal }
}
