/** The disk of the views is full for a while: processors say so, wait, and go on when there is room. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Child } from './test-support/child.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

type Report = {
  readonly head: number
  readonly behind: number
  readonly codes: readonly string[]
  readonly verdict: string
  readonly held: number
  readonly wrong: readonly string[]
}

const times = Number(process.env.CIM_ROUNDS ?? 4)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)

test(`views whose disk is full ${times} times wait for room, and count each event once`, async (context) => {
  context.diagnostic(`CIM_SEED=${seed} repeats these times`)
  const folder = temporaryFolder(context)
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  // A small file system of its own, which goes with the process.
  const launcher = ['unshare', '-Urm', 'sh', '-c', `mount -t tmpfs -o size=16m none ${disk} && exec "$@"`, 'sh']
  const [program = '', ...args] = [...launcher, 'true']
  if (spawnSync(program, args).status !== 0) return context.skip('this system lets nobody mount a file system')
  await using child = new Child('project-through-full-disk.ts', {
    args: [folder, disk, String(times), String(seed)],
    launcher,
  })
  await child.end()
  const reports = child.lines.map((line) => JSON.parse(line) as Report)
  assert.equal(reports.length, times)
  for (const { behind, codes, verdict, held, wrong } of reports) {
    assert.ok(behind > 0, 'the views were behind while the disk was full')
    assert.deepEqual(
      { codes, verdict, held, wrong },
      { codes: ['store-full'], verdict: 'complete', held: 0, wrong: [] },
    )
  }
  context.diagnostic(`${reports.at(-1)?.head} events; behind by ${reports.map(({ behind }) => behind).join(', ')}`)
})
